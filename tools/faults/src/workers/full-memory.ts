/** In a mount namespace with a /dev/shm of 1 MiB: creates what does not fit, and says what came of it. */
import { readdirSync } from 'node:fs';
import { isIpcError } from '@ipc/core';
import { Region } from '@ipc/shm';

const [rounds = '1'] = process.argv.slice(2);
let refused = 0;
for (let round = 0; round < Number(rounds); round++) {
  try {
    Region.create('faults-full', { kind: 'faults', bytes: 4 << 20 }).close();
  } catch (error) {
    if (isIpcError(error, 'ERR_IPC_LIMIT')) refused++;
  }
}
process.stdout.write(JSON.stringify({ refused, left: readdirSync('/dev/shm').length }));
