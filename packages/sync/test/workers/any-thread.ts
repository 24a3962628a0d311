/** Runs any-party.ts in a worker thread and hands on what it is told and answers; `terminate` ends the thread, not the process. */
import { Worker } from 'node:worker_threads';

const thread = new Worker(new URL('any-party.js', import.meta.url));
thread.on('message', (reply) => process.send?.(reply));
process.on('message', (call: { readonly id: number; readonly command: string }) => {
  if (call.command === 'terminate') void thread.terminate().then(() => process.send?.({ id: call.id }));
  else thread.postMessage(call);
});
