/** Opens the regions whose names it is sent, and writes and reads each until it is damaged. */
import { Region } from '@ipc/shm';

process.on('message', (name: string) => {
  const region = Region.open(name, { kind: 'faults' });
  let passes = 0;
  do {
    region.bytesView.fill(++passes);
    Atomics.add(region.words, region.words.length - 1, 1);
    if (passes === 1) process.send?.('using');
  } while (!region.damaged);
  let code: unknown = 'none';
  try {
    region.assertIntact();
  } catch (error) {
    code = (error as { code?: unknown }).code;
  }
  region.close();
  process.send?.(code);
});
process.send?.('ready');
