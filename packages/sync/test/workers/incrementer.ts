/**
 * Increments a counter under a mutex until it is killed.
 *
 * Words of the region: 0 counter, 1 who is inside, 2 violations, 3 abandonments seen, 4 acquisitions; from 16 the journal,
 * one word for each process. The counter is changed by a plain load and store: only exclusion keeps it equal to the journal's sum.
 */
import { Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';

const [name = '', index = '0', spelling = 'sync'] = process.argv.slice(2);
const region = Region.open(name, { kind: 'counter' });
const { words } = region;
const journal = 16 + Number(index);

const mutex = Mutex.openOrCreate(name, {
  repair() {
    Atomics.add(words, 3, 1);
    Atomics.store(words, 1, 0);
    let sum = 0;
    for (let at = 16; at < words.length; at++) sum += Atomics.load(words, at);
    Atomics.store(words, 0, sum);
  },
});

function increment(): void {
  if (Atomics.exchange(words, 1, process.pid) !== 0) Atomics.add(words, 2, 1);
  const counter = Atomics.load(words, 0);
  Atomics.store(words, journal, Atomics.load(words, journal) + 1);
  for (let spin = 0; spin < 50; spin++) Atomics.load(words, 0);
  Atomics.store(words, 0, counter + 1);
  if (Atomics.exchange(words, 1, 0) !== process.pid) Atomics.add(words, 2, 1);
}

process.send?.('ready');
process.once('message', () => {
  if (spelling === 'sync') {
    for (;;) {
      const held = mutex.acquireSync();
      increment();
      Atomics.add(words, 4, 1);
      held.release();
    }
  }
  void (async () => {
    for (;;) {
      const held = await mutex.acquire();
      increment();
      Atomics.add(words, 4, 1);
      held.release();
      if (Math.random() < 0.01) await new Promise(setImmediate);
    }
  })();
});
