/** A thread that claims a path and is terminated: `claiming-thread <path>`. Exits with 0 if the path is free then. */
import { once } from 'node:events';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { claimPath } from '@ipc/native';

const [path = ''] = process.argv.slice(2);
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { argv: [path] });
  await once(worker, 'message');
  if (claimPath(path) !== undefined) process.exit(2);
  await worker.terminate();
  const claim = claimPath(path);
  process.exitCode = claim === undefined ? 1 : 0;
  claim?.release();
} else {
  claimPath(path);
  parentPort?.postMessage('claimed');
  setInterval(() => undefined, 10_000);
}
