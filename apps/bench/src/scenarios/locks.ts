import { nowNs } from '../clock.ts';
import {
  defineScenario,
  type CellRequest,
  type Figures,
  type Followers,
  type LockScenario,
  type Sample,
} from '../scenario.ts';
import type { GuardedCounter, Role } from '../subject.ts';
import { perSecond } from './shape.ts';

/** One process takes and gives a lock that nobody else wants: the price of being safe. */
export const lockUncontended: LockScenario = defineScenario({
  kind: 'lock',
  id: 'lock-uncontended',
  question: 'How often can one process take and give a lock that nobody else wants?',
  floorScenario: () => 'lock-uncontended',
  combine,

  run(role: Role, lock: GuardedCounter, request: CellRequest): Promise<Sample> {
    return Promise.resolve(role === 'leader' ? compete(lock, request) : idle);
  },
});

/** Both processes take and give it as fast as they can. */
export const lockContended: LockScenario = defineScenario({
  kind: 'lock',
  id: 'lock-contended',
  question: 'How often can two processes together take and give a lock that both want?',
  floorScenario: () => 'lock-contended',
  combine,

  run(_role: Role, lock: GuardedCounter, request: CellRequest): Promise<Sample> {
    return Promise.resolve(compete(lock, request));
  },
});

/** As many as there are take and give it as fast as they can. */
export const lockCrowded: LockScenario = defineScenario({
  kind: 'lock',
  id: 'lock-crowded',
  question: 'How often can that many processes together take and give a lock that all want?',
  placements: ['unpinned'],
  inDepth: 'chosen',
  followers: { chosen: [1, 3], full: [1, 3, 7] },
  floorScenario: () => undefined,
  combine,

  run(_role: Role, lock: GuardedCounter, request: CellRequest): Promise<Sample> {
    return Promise.resolve(compete(lock, request));
  },
});

const idle: Sample = { total: 0 };

/** So many operations between two looks at the clock. */
const stride = 32;

/** Counts under the lock, without atomics, until time is up. Blocks the thread. */
function compete(lock: GuardedCounter, { startNs, durationNs }: CellRequest): Sample {
  const { counter } = lock;
  const operate = (): void => {
    for (let i = 0; i < stride; i++) {
      const held = lock.acquire();
      counter[0] = (counter[0] ?? 0) + 1;
      held.release();
    }
  };
  let total = 0;
  let timeNs: number;
  while ((timeNs = nowNs()) < startNs) {
    operate();
    total += stride;
  }
  const beginNs = timeNs;
  const warmUp = total;
  do {
    operate();
    total += stride;
  } while ((timeNs = nowNs()) < startNs + durationNs);
  return { count: total - warmUp, elapsedNs: timeNs - beginNs, total, counter: readUnder(lock) };
}

function readUnder(lock: GuardedCounter): number {
  const held = lock.acquire();
  const value = lock.counter[0] ?? 0;
  held.release();
  return value >>> 0;
}

function combine(leader: Sample, followers: Followers, { counterBefore }: CellRequest): Figures {
  const all = [leader, ...followers];
  const counters = all.flatMap(({ counter }) => (counter === undefined ? [] : [counter]));
  const counted = Math.max(...counters.map((counter) => (counter - counterBefore) >>> 0));
  const done = all.reduce((sum, { total }) => sum + total, 0);
  // Who read last has seen everything, unless an increment was lost because two were inside at once.
  if (counted !== done)
    throw new Error(`${done} operations were done under the lock and ${counted} were counted`);
  return { operationsPerSecond: all.reduce((sum, sample) => sum + perSecond(sample), 0) };
}
