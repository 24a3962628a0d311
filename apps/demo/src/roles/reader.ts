/** Reads the files named in the queue and gives each to a worker that has room, over its ring. */
import { readFile } from 'node:fs/promises';
import { utf8, type Channel } from '@ipc/core';
import { PosixQueue } from '@ipc/mq';
import { ring } from '@ipc/shm';
import { namesOf, receiveJob } from '../job.ts';

const { job, main, stopped } = await receiveJob();
const names = namesOf(job);
using queue = PosixQueue.open(names.files);
await using listener = await ring().listen(names.texts);
await main.send({ state: 'ready' });

const workers: Channel[] = [];
while (workers.length < job.workers) workers.push(await listener.accept({ signal: stopped }));

let files = 0;
for (;;) {
  const { bytes } = await queue.receive({ signal: stopped });
  if (bytes.length === 0) break; // the end of the list
  const text = await readFile(utf8.decode(bytes));
  const next = files++ % workers.length;
  const free = [...workers.slice(next), ...workers.slice(0, next)].find((worker) => worker.trySend(text));
  if (free === undefined) await workers[next]?.send(text, { signal: stopped }); // all are busy: wait for one
}
await Promise.all(workers.map((worker) => worker.close()));
await main.send({ state: 'done', files });
await main.close();
