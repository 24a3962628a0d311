/** What is explored of `@ipc/sync` beyond mutex, semaphore and reader-writer lock. */
import type { Planned } from './plan.ts';
import { barrier } from './scenarios/barrier.ts';
import { condition } from './scenarios/condition.ts';
import { gate } from './scenarios/gate.ts';
import { lease } from './scenarios/lease.ts';
import { mutex } from './scenarios/mutex.ts';
import { rwLock } from './scenarios/rw-lock.ts';
import { semaphore } from './scenarios/semaphore.ts';

export function lockPlan(): readonly Planned[] {
  const reader = { mode: 'shared', spelling: 'sync' } as const;
  const writer = { mode: 'exclusive', spelling: 'sync' } as const;
  const repairer = { ...reader, repairs: 'well' } as const;
  const builder = { ...writer, repairs: 'well' } as const;
  const quitter = { ...writer, begins: true, givesUp: true } as const;
  const taker = { spelling: 'sync', wants: 1, rounds: 1 } as const;
  return [
    { quick: true, scenario: condition({ parties: ['notifier', 'waiter'], deaths: 0 }) },
    { quick: false, scenario: condition({ parties: ['notifier', 'waiter'], deaths: 1 }) },
    { quick: false, scenario: condition({ parties: ['notifier outside', 'waiter'], deaths: 1 }) },
    { quick: false, scenario: condition({ parties: ['notifier', 'waiter', 'waiter'], deaths: 0 }) },
    { quick: true, scenario: gate({ kind: 'manual event', parties: ['opener', 'sync'], deaths: 0 }) },
    { quick: false, scenario: gate({ kind: 'manual event', parties: ['opener', 'sync'], deaths: 1 }) },
    { quick: false, scenario: gate({ kind: 'manual event', parties: ['opener', 'async'], deaths: 1 }) },
    { quick: false, scenario: gate({ kind: 'auto event', parties: ['opener', 'async'], deaths: 1 }) },
    {
      quick: false,
      scenario: gate({ kind: 'auto event', parties: ['opener', 'sync', 'sync'], deaths: 0 }),
    },
    {
      quick: false,
      scenario: gate({ kind: 'latch of 2', parties: ['opener', 'opener', 'sync'], deaths: 0 }),
    },
    { quick: false, scenario: barrier({ parties: 2, deaths: 0 }) },
    { quick: false, scenario: barrier({ parties: 2, deaths: 1 }) },
    { quick: true, scenario: lease({ parties: ['leads', 'watches'], deaths: 1, mortals: [0] }) },
    {
      quick: false,
      scenario: lease({ parties: ['leads and resigns', 'watches'], deaths: 1, mortals: [0] }),
    },
    { quick: false, scenario: lease({ parties: ['leads', 'leads and resigns', 'watches'], deaths: 0 }) },
    {
      quick: false,
      scenario: mutex({ spellings: ['sync', 'sync', 'sync'], rounds: 1, deaths: 0, fair: true }),
    },
    ...(['well', 'in vain'] as const).map((first) => ({
      quick: false,
      scenario: mutex({
        spellings: ['sync', 'sync'],
        rounds: 1,
        repairs: [first, 'well'],
        abandoned: true,
        deaths: 1,
      }),
    })),
    {
      quick: true,
      scenario: semaphore({
        permits: 1,
        parties: [{ ...taker, begins: true }, taker],
        deaths: 0,
        fair: true,
      }),
    },
    { quick: false, scenario: semaphore({ permits: 1, parties: [taker, taker], deaths: 0, fair: true }) },
    {
      quick: false,
      scenario: semaphore({
        permits: 1,
        parties: [taker, taker],
        deaths: 1,
        mortals: [0],
        fair: true,
      }),
    },
    { quick: false, scenario: rwLock({ abandoned: true, parties: [repairer, builder], deaths: 0 }) },
    { quick: false, scenario: rwLock({ abandoned: true, parties: [repairer, builder], deaths: 1 }) },
    {
      quick: false,
      scenario: rwLock({
        abandoned: true,
        parties: [{ ...reader, repairs: 'in vain' }, repairer],
        deaths: 1,
      }),
    },
    { quick: true, scenario: rwLock({ parties: [quitter, reader], deaths: 0 }) },
    { quick: false, scenario: rwLock({ parties: [quitter, reader], deaths: 1 }) },
    { quick: false, scenario: rwLock({ parties: [quitter, reader, writer], deaths: 0, fair: true }) },
    {
      quick: false,
      scenario: rwLock({
        parties: [{ ...reader, begins: true, rounds: 2 }, writer],
        deaths: 0,
        fair: true,
      }),
    },
    { quick: false, scenario: rwLock({ parties: [writer, writer], deaths: 0, fair: true }) },
    {
      quick: false,
      scenario: rwLock({ parties: [reader, writer], deaths: 1, mortals: [0], fair: true }),
    },
    { quick: false, scenario: rwLock({ parties: [reader, writer], deaths: 1, fair: true }) },
  ];
}
