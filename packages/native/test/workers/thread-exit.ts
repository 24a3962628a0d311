/** Worker threads that are terminated without a word, and what they leave open; prints the fds that stayed. */
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { close, closeAtThreadExit, memfdCreate } from '@ipc/native';

const left = (): string[] =>
  readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        const target = readlinkSync(`/proc/self/fd/${fd}`);
        return target.includes('thread-exit-') ? [target.replace(/ .*/, '')] : [];
      } catch {
        return []; // the fd of the listing itself
      }
    })
    .sort();

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  await once(worker, 'message');
  const during = left();
  await worker.terminate();
  console.log(JSON.stringify({ during, after: left() }));
} else {
  closeAtThreadExit(memfdCreate('thread-exit-owned'));
  memfdCreate('thread-exit-shared');
  const closed = memfdCreate('thread-exit-closed');
  closeAtThreadExit(closed);
  close(closed);
  const givenAway = memfdCreate('thread-exit-given-away');
  closeAtThreadExit(givenAway);
  closeAtThreadExit(givenAway); // twice is once
  closeAtThreadExit(givenAway, false);
  memfdCreate('thread-exit-next'); // has the number of the closed one, and none of its obligations
  parentPort?.postMessage('ready');
  setInterval(() => undefined, 10_000);
}
