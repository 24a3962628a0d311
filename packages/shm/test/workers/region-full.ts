/** Run where /dev/shm holds 1 MiB: 4 MiB regions fail with a clear error, a thousand times, and leave nothing. */
import { readdirSync, statfsSync } from 'node:fs';
import { Region } from '@ipc/shm';

const codes = new Set<string>();
let message = '';
for (let i = 0; i < 1000; i++) {
  try {
    Region.create(`full-${i}`, { kind: 'test', bytes: 4 << 20 }).close();
  } catch (error) {
    codes.add((error as { code: string }).code);
    ({ message } = error as Error);
  }
}
const { blocks, bfree } = statfsSync('/dev/shm');
console.log(
  JSON.stringify({ codes: [...codes], message, left: readdirSync('/dev/shm'), used: blocks - bfree }),
);
