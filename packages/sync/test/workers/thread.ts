/** A worker thread that takes a mutex and keeps it: idle, in a blocking wait for another, or in a loop. */
import { parentPort, workerData } from 'node:worker_threads';
import { Mutex } from '@ipc/sync';

const { name, mode } = workerData as { name: string; mode: 'idle' | 'blocked' | 'busy' | 'exit' };
const mutex = Mutex.openOrCreate(name);
const held = mutex.acquireSync();
parentPort?.postMessage(held.abandoned);
switch (mode) {
  case 'idle':
    parentPort?.on('message', () => undefined);
    break;
  case 'blocked':
    Mutex.openOrCreate(`${name}.other`).acquireSync();
    break;
  case 'busy':
    for (;;);
  case 'exit':
    break;
}
