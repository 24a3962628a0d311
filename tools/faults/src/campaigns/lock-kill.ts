import { setTimeout } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import { Region } from '@ipc/shm';
import { times, type Campaign } from '../campaign.ts';
import {
  ALIVE,
  clockUs,
  COUNTERS,
  enter,
  journaled,
  LOCKS,
  LOG,
  LOG_ENTRY,
  LOGGED,
  openLocks,
  OPERATIONS,
  PROCESSES,
  regionBytes,
  VIOLATIONS,
} from '../lock-kill-locks.ts';
import { campaignName, endWorker, Workers } from '../worker.ts';

/** Everybody who lives gets on within this time, however busy the machine is. */
const patienceMs = 60_000;
/** Starting a process takes far longer than killing one. */
const inStock = 4;
/** Of the campaign itself, which takes every lock in the end. */
const ownLife = 0x7fffffff;

/** C1 for every lock with an owner: counters under them agree with a journal, whoever is killed; nobody waits for the dead. */
export const lockKill: Campaign = {
  name: 'lock-kill',
  what: `kill -9 of one of ${PROCESSES} processes that count under ${LOCKS} locks, several at once, read, wait for conditions and meet at barriers`,
  rounds: 1000,
  async run({ rounds, random }) {
    const name = campaignName('locks');
    const violations: string[] = [];
    const bytes = regionBytes((rounds + PROCESSES) * LOCKS);
    using region = Region.create(name, { kind: 'faults', bytes, lifetime: 'while-open' });
    const { words } = region;
    const { exclusive } = openLocks(region);
    const killedUs = new Map<number, number>();
    let life = 0;
    const seed = (): string => String(Math.floor(random() * 2 ** 31));
    await using workers = new Workers('lock-kill', () => [name, seed()], inStock);
    const living: ChildProcess[] = [];
    const lives: number[] = [];
    const settle = async (me: number): Promise<void> => {
      const worker = await workers.take();
      living[me] = worker;
      lives[me] = ++life;
      Atomics.store(words, ALIVE + me, life);
      worker.send({ me, life });
    };
    const end = async (me: number): Promise<void> => {
      Atomics.store(words, ALIVE + me, 0); // first: that a dead one seems to be inside is no violation
      killedUs.set(lives[me] as number, clockUs());
      await endWorker(living[me] as ChildProcess);
    };

    for (let me = 0; me < PROCESSES; me++) await settle(me);
    for (let round = 0; round < rounds; round++) {
      await setTimeout(random() * 5);
      const me = Math.floor(random() * PROCESSES);
      await end(me);
      await settle(me);
    }
    violations.push(...(await stuck(words)));
    for (let me = 0; me < PROCESSES; me++) await end(me);

    for (const [at, lock] of exclusive.entries()) {
      const held = await Promise.race([
        lock.acquire(false),
        setTimeout(patienceMs, undefined, { ref: false }),
      ]);
      if (held === undefined) {
        violations.push(`lock ${at} is held by the dead`);
        continue;
      }
      if (enter(words, at, ownLife, lock.tells, held.abandoned === true))
        violations.push(`lock ${at}: its last owner died inside and nobody was told`);
      const [counted, expected] = [words[COUNTERS + at] ?? 0, journaled(words, at)];
      if (counted !== expected)
        violations.push(`lock ${at}: the counter is ${counted}, by the journal ${expected}`);
      held.release();
    }
    const seen = Atomics.load(words, VIOLATIONS);
    if (seen > 0)
      violations.push(`${seen} times somebody was inside with another, read half a change, or was not told`);
    const log = Array.from({ length: Atomics.load(words, LOGGED) }, (_, entry) => LOG + entry * LOG_ENTRY);
    const tookMs = log.map(
      (at) => (((words[at + 1] ?? 0) - (killedUs.get(words[at] ?? 0) ?? 0)) & 0x7fffffff) / 1000,
    );
    const counted = exclusive.reduce((sum, _, at) => sum + journaled(words, at), 0);
    return {
      figure: `${rounds} kills, ${log.length} locks whose owner died inside, taken over each time; ${counted} increments, as in the journal; from kill to the next one inside ${times(tookMs)}`,
      violations,
    };
  },
};

/** Who has done nothing for too long. */
async function stuck(words: Int32Array): Promise<string[]> {
  const done = (me: number): number => Atomics.load(words, OPERATIONS + me);
  const before = Array.from({ length: PROCESSES }, (_, me) => done(me));
  const idle = (): number[] => before.flatMap((count, me) => (done(me) === count ? [me] : []));
  const deadline = performance.now() + patienceMs;
  while (idle().length > 0 && performance.now() < deadline) await setTimeout(20);
  return idle().map((me) => `process ${me} got no further in ${patienceMs} ms`);
}
