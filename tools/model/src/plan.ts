/** What is explored: `quick` in the tests, all of it by `pnpm model`. */
import type { Scenario } from './explore.ts';
import { lockPlan } from './lock-plan.ts';
import { memoryPlan } from './memory-plan.ts';
import { broadcast } from './scenarios/broadcast.ts';
import { latest } from './scenarios/latest.ts';
import { mutex } from './scenarios/mutex.ts';
import { permitCount } from './scenarios/permit-count.ts';
import { queue } from './scenarios/queue.ts';
import { brief, ring, type RingStyle } from './scenarios/ring.ts';
import { rwLock } from './scenarios/rw-lock.ts';
import { semaphore } from './scenarios/semaphore.ts';
import { threePlan } from './three-plan.ts';

export interface Planned {
  readonly quick: boolean;
  readonly scenario: Scenario;
  /** How often a party may be stopped that could go on. @default any number */
  readonly preemptions?: number;
}

const ringStyles: readonly RingStyle[] = ['one by one', 'batches', 'claims', 'half-closed'];

export function plan(): readonly Planned[] {
  const one = { wants: 1, rounds: 1 } as const;
  const reader = { mode: 'shared', spelling: 'sync' } as const;
  const writer = { mode: 'exclusive', spelling: 'sync' } as const;
  const publisher = { publishes: 1, spelling: 'sync' } as const;
  /** Two messages fill two slots when all begin; the third has to wait, or laps. */
  const lapping = { publishes: 3, spelling: 'sync', before: 2 } as const;
  const subscriber = { subscribes: 'sync' } as const;
  const producer = { sends: 1, spelling: 'sync' } as const;
  const filling = { sends: 3, spelling: 'sync', before: 2 } as const;
  const consumer = { receives: 'sync' } as const;
  return [
    ...ringStyles.map((style) => ({ quick: true, scenario: ring(style, 1, [], brief) })),
    ...ringStyles.map((style) => ({ quick: false, scenario: ring(style, 1) })),
    { quick: true, scenario: mutex({ spellings: ['sync', 'sync'], rounds: 1, deaths: 1 }) },
    { quick: true, scenario: mutex({ spellings: ['async', 'sync'], rounds: 1, deaths: 1 }) },
    { quick: true, scenario: mutex({ spellings: ['async', 'async'], rounds: 1, deaths: 1 }) },
    { quick: false, scenario: mutex({ spellings: ['sync', 'sync'], rounds: 2, deaths: 1 }) },
    { quick: false, scenario: mutex({ spellings: ['sync', 'sync'], rounds: 1, deaths: 1, fair: true }) },
    { quick: false, scenario: mutex({ spellings: ['async', 'sync'], rounds: 1, deaths: 1, fair: true }) },
    { quick: false, scenario: mutex({ spellings: ['async', 'async'], rounds: 2, deaths: 1 }) },
    { quick: false, scenario: mutex({ spellings: ['sync', 'sync', 'async'], rounds: 1, deaths: 0 }) },
    {
      quick: false,
      scenario: mutex({ spellings: ['sync', 'sync', 'async'], rounds: 1, deaths: 1, mortals: [0] }),
    },
    {
      quick: false,
      scenario: semaphore({
        permits: 1,
        parties: [
          { spelling: 'sync', ...one },
          { spelling: 'sync', ...one },
        ],
        deaths: 0,
      }),
    },
    {
      quick: false,
      scenario: semaphore({
        permits: 1,
        parties: [
          { spelling: 'sync', ...one },
          { spelling: 'async', ...one },
        ],
        deaths: 1,
      }),
    },
    {
      quick: false,
      scenario: semaphore({
        permits: 2,
        parties: [{ holds: 1 }, { holds: 1, tries: 2 }, { spelling: 'async', ...one }],
        deaths: 1,
        mortals: [0],
      }),
    },
    { quick: true, scenario: permitCount({ permits: 1, parties: [[1], [1]], deaths: 1 }) },
    {
      quick: false,
      scenario: permitCount({
        permits: 1,
        parties: [
          [1, 1],
          [1, 1],
        ],
        deaths: 1,
      }),
    },
    { quick: false, scenario: permitCount({ permits: 2, parties: [[1], [2], [1]], deaths: 1 }) },
    ...(['x86-64', 'armv8'] as const).map((processor) => ({
      quick: false,
      scenario: permitCount({ permits: 1, parties: [[1, 1], [1]], deaths: 1, processor }),
    })),
    { quick: false, scenario: rwLock({ parties: [writer, writer], deaths: 0 }) },
    { quick: false, scenario: rwLock({ parties: [reader, writer], deaths: 1 }) },
    ...lockPlan(),
    ...threePlan(),
    ...memoryPlan(),
    {
      quick: true,
      scenario: broadcast({ overflow: 'wait', slots: 2, parties: [subscriber, publisher], deaths: 0 }),
    },
    {
      quick: true,
      scenario: broadcast({ overflow: 'lap', slots: 2, parties: [subscriber, lapping], deaths: 0 }),
    },
    {
      quick: false,
      scenario: broadcast({
        overflow: 'lap',
        slots: 2,
        parties: [lapping, { ...subscriber, joins: 'late', history: 2 }],
        deaths: 0,
      }),
    },
    {
      quick: false,
      scenario: broadcast({ overflow: 'wait', slots: 2, parties: [subscriber, publisher], deaths: 1 }),
    },
    {
      quick: false,
      scenario: broadcast({ overflow: 'wait', slots: 2, parties: [subscriber, lapping], deaths: 1 }),
    },
    {
      quick: false,
      scenario: broadcast({
        overflow: 'wait',
        slots: 2,
        parties: [{ subscribes: 'async' }, { ...lapping, spelling: 'async' }],
        deaths: 1,
      }),
    },
    {
      quick: false,
      scenario: broadcast({ overflow: 'lap', slots: 2, parties: [subscriber, lapping], deaths: 1 }),
    },
    {
      quick: false,
      scenario: broadcast({
        overflow: 'wait',
        slots: 2,
        parties: [lapping, { ...subscriber, joins: 'late', history: 2 }],
        deaths: 0,
      }),
    },
    {
      quick: false,
      scenario: broadcast({
        overflow: 'lap',
        slots: 2,
        parties: [subscriber, lapping],
        deaths: 0,
        processor: 'x86-64',
      }),
    },
    {
      quick: true,
      scenario: latest({ parties: [{ publishes: 2 }, { reads: 'all' }], deaths: 1 }),
    },
    {
      quick: false,
      scenario: latest({
        parties: [{ publishes: 2 }, { reads: 'all' }, { publishes: 1, opens: 'late' }],
        deaths: 1,
        mortals: [0],
      }),
    },
    {
      quick: true,
      scenario: latest({ parties: [{ publishes: 1 }, { reads: 'all on the loop' }], deaths: 0 }),
    },
    {
      quick: false,
      scenario: latest({ parties: [{ publishes: 2 }, { reads: 'all on the loop' }], deaths: 0 }),
    },
    {
      quick: false,
      scenario: latest({
        parties: [{ publishes: 2 }, { reads: 'all on the loop' }],
        deaths: 1,
        mortals: [0],
      }),
    },
    { quick: true, scenario: latest({ parties: [{ publishes: 5 }, { reads: 1 }], deaths: 0 }) },
    {
      quick: true,
      scenario: latest({ parties: [{ publishes: 5 }, { reads: 1 }], deaths: 0, processor: 'x86-64' }),
    },
    {
      quick: true,
      scenario: latest({ parties: [{ publishes: 5 }, { reads: 1 }], deaths: 0, processor: 'armv8' }),
    },
    { quick: true, scenario: queue({ slots: 2, parties: [consumer, producer], deaths: 0 }) },
    { quick: false, scenario: queue({ slots: 2, parties: [consumer, producer], deaths: 1 }) },
    { quick: false, scenario: queue({ slots: 2, parties: [filling, consumer], deaths: 0 }) },
    { quick: false, scenario: queue({ slots: 2, quantum: 4, parties: [filling, consumer], deaths: 0 }) },
    {
      quick: true,
      scenario: queue({
        slots: 2,
        quantum: 4,
        parties: [filling, { takes: 1, spelling: 'async' }],
        deaths: 0,
      }),
    },
    { quick: false, scenario: queue({ slots: 2, parties: [filling, consumer], deaths: 1, mortals: [1] }) },
    {
      quick: false,
      scenario: queue({
        slots: 2,
        parties: [{ ...producer, before: 1 }, consumer, consumer],
        deaths: 1,
        mortals: [2],
      }),
    },
    {
      quick: false,
      scenario: queue({
        slots: 2,
        parties: [{ receives: 'async' }, { ...producer, spelling: 'async' }],
        deaths: 1,
      }),
    },
    { quick: false, scenario: queue({ slots: 2, parties: [consumer, producer, producer], deaths: 0 }) },
  ];
}
