import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import { Region } from '@ipc/shm';
import { Mutex, RwLock, Semaphore } from '@ipc/sync';
import type { Campaign } from '../campaign.ts';
import { campaignName, endWorker, Workers } from '../worker.ts';
import { ACCESS, ALIVE, OPERATIONS, PERMITS, VIOLATIONS, WORDS } from '../lock-stress-layout.ts';

const processes = 64;
/** As busy as the others are, one takes seconds to start. */
const inStock = 12;
/** Everybody who lives gets on within this time, however busy the machine is. */
const patienceMs = 60_000;

/** Many processes, four locks, random spellings, and a kill every few milliseconds: nobody is let in who should not be, and nobody is forgotten. */
export const lockStress: Campaign = {
  name: 'lock-stress',
  what: `${processes} processes take mutexes, fair ones, semaphores and reader-writer locks in every spelling; each round kills one`,
  rounds: 300,
  async run({ rounds, random }) {
    const name = campaignName('stress');
    const violations: string[] = [];
    using region = Region.create(name, { kind: 'faults', bytes: WORDS * 4, lifetime: 'while-open' });
    const { words } = region;
    using mutex = Mutex.create(name);
    using fair = Mutex.create(`${name}.fair`, { fair: true });
    using semaphore = Semaphore.create(name, { permits: 3 });
    using lock = RwLock.create(name);
    const seed = (): string => String(Math.floor(random() * 2 ** 31));
    await using stock = new Workers('lock-stress', () => [name, seed()], inStock);
    const start = async (index: number): Promise<ChildProcess> => {
      const worker = await stock.take();
      // What the one before it said of itself.
      for (const block of [PERMITS, ACCESS]) Atomics.store(words, block + index, 0);
      Atomics.store(words, ALIVE + index, 1);
      worker.send(index);
      return worker;
    };
    const workers: ChildProcess[] = [];
    while (workers.length < processes) workers.push(await start(workers.length));
    const operations = (): number =>
      Array.from({ length: processes }, (_, index) => done(index)).reduce((a, b) => a + b);
    const done = (index: number): number => Atomics.load(words, OPERATIONS + index) >>> 0;

    for (let round = 0; round < rounds; round++) {
      await setTimeout(random() * 20);
      const index = Math.floor(random() * processes);
      Atomics.store(words, ALIVE + index, 0); // first: what a dead one seems to hold is no violation
      await endWorker(workers[index] as ChildProcess);
      workers[index] = await start(index);
    }
    const before = workers.map((_, index) => done(index));
    const deadline = performance.now() + patienceMs;
    const stuck = (): number[] => before.flatMap((count, index) => (done(index) === count ? [index] : []));
    while (stuck().length > 0 && performance.now() < deadline) await setTimeout(20);
    violations.push(...stuck().map((index) => `process ${index} got no further in ${patienceMs} ms`));
    const figure = `${rounds} kills, ${operations()} operations of ${processes} processes`;
    for (const worker of workers) {
      if (worker.exitCode !== null) violations.push(`a process ended by itself with code ${worker.exitCode}`);
      const exited =
        worker.exitCode === null && worker.signalCode === null ? once(worker, 'exit') : undefined;
      worker.kill('SIGKILL');
      await exited;
    }
    const seen = Atomics.load(words, VIOLATIONS);
    if (seen > 0) violations.push(`${seen} times somebody was inside who should not have been`);
    for (const each of [mutex, fair]) {
      const held = each.acquireSync({ timeoutMs: patienceMs });
      if (held === undefined) violations.push('a mutex is held by the dead');
      held?.release();
    }
    if (semaphore.acquireSync({ permits: 3, timeoutMs: patienceMs }) === undefined)
      violations.push('permits of the dead have not returned');
    const writer = lock.exclusive.acquireSync({ timeoutMs: patienceMs });
    if (writer === undefined) violations.push('a reader-writer lock is held by the dead');
    writer?.release();
    return { figure, violations };
  },
};
