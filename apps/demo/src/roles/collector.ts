/** Puts the shared counts in order, once main says that all are in, and serves the index on a unix socket. */
import { json, withCodec } from '@ipc/core';
import { unix } from '@ipc/socket';
import { Mutex } from '@ipc/sync';
import { namesOf, receiveJob } from '../job.ts';
import { sortIndex, type WordCount } from '../word-index.ts';
import { WordTable } from '../word-table.ts';

/** Words per message of the served index. */
const BATCH = 1_000;

const { job, main, stopped } = await receiveJob(); // comes when the workers are done
const names = namesOf(job);
using lock = Mutex.open(names.lock);
using table = WordTable.open(names.table);
const index = await lock.withLock(() => sortIndex(table.entries()));

await using listener = await unix().listen(names.index);
await main.send({ state: 'ready' });
await using client = withCodec(await listener.accept({ signal: stopped }), json<readonly WordCount[]>());
for (let from = 0; from < index.length; from += BATCH) await client.send(index.slice(from, from + BATCH));
await client.close();
await main.send({ state: 'done', files: 0 });
await main.close();
