/** Takes and gives a mutex without end; word 0 of the region says that it is inside. */
import { Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';

const [name = ''] = process.argv.slice(2);
const { words } = Region.open(name, { kind: 'faults' });
const mutex = Mutex.open(name);

process.once('message', () => {
  for (;;) {
    const held = mutex.acquireSync();
    Atomics.store(words, 0, process.pid);
    for (let look = 0; look < 200; look++) Atomics.load(words, 1);
    Atomics.store(words, 0, 0);
    held.release();
  }
});
process.send?.('ready');
