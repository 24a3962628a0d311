/** Claims and releases a path some times; fails if anyone else is inside meanwhile. */
import { mkdirSync, rmdirSync } from 'node:fs';
import { claimPath } from '@ipc/native';

const pause = new Int32Array(new SharedArrayBuffer(4));
const [path = '', times = ''] = process.argv.slice(2);
for (let held = 0; held < Number(times);) {
  const claim = claimPath(path);
  if (claim === undefined) {
    Atomics.wait(pause, 0, 0, 1); // on a busy machine whoever holds it needs the processor
    continue;
  }
  mkdirSync(`${path}.inside`); // EEXIST when another process is inside
  rmdirSync(`${path}.inside`);
  claim.release();
  held++;
}
