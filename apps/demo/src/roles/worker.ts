/** Counts the words of the texts that come over its ring and adds them to the shared table. */
import { ring } from '@ipc/shm';
import { Mutex, Semaphore } from '@ipc/sync';
import { namesOf, receiveJob } from '../job.ts';
import { countWords } from '../word-index.ts';
import { WordTable } from '../word-table.ts';

const { job, main, stopped } = await receiveJob();
const names = namesOf(job);
using lock = Mutex.open(names.lock);
using admission = Semaphore.open(names.admission);
using table = WordTable.open(names.table);
await using texts = await ring().connect(names.texts);
const decoder = new TextDecoder(); // a file may hold malformed UTF-8: it is counted as it is shown

let files = 0;
for (;;) {
  const text = await texts.receive({ signal: stopped });
  if (text === undefined) break;
  await using _permit = await admission.acquire({ signal: stopped });
  const counts = countWords(decoder.decode(text));
  await lock.withLock(({ abandoned }) => {
    if (abandoned)
      throw new Error('another worker died while it added its counts: they can no longer be trusted');
    table.add(counts);
  });
  files++;
}
await main.send({ state: 'done', files });
await main.close();
