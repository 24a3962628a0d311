/**
 * Three parties, any one of which may die at any step. Where all orders are out of reach, parties are stopped that could go on only as often
 * (preemptions.ts) as lets the search end within minutes.
 */
import type { Planned } from './plan.ts';
import { barrier } from './scenarios/barrier.ts';
import { condition } from './scenarios/condition.ts';
import { gate } from './scenarios/gate.ts';
import { lease } from './scenarios/lease.ts';
import { mutex } from './scenarios/mutex.ts';
import { rwLock } from './scenarios/rw-lock.ts';
import { semaphore } from './scenarios/semaphore.ts';

export function threePlan(): readonly Planned[] {
  const deaths = 1;
  const reader = { mode: 'shared', spelling: 'sync' } as const;
  const writer = { mode: 'exclusive', spelling: 'sync' } as const;
  const quitter = { ...writer, begins: true, givesUp: true } as const;
  const taker = { spelling: 'sync', wants: 1, rounds: 1 } as const;
  const three = ['sync', 'sync', 'sync'] as const;
  const repairs = ['in vain', 'well', 'well'] as const;
  return [
    { scenario: mutex({ spellings: three, rounds: 1, deaths }) },
    { scenario: mutex({ spellings: ['sync', 'sync', 'async'], rounds: 1, deaths }), preemptions: 0 },
    { scenario: mutex({ spellings: three, rounds: 1, deaths, repairs, abandoned: true }), preemptions: 0 },
    { scenario: mutex({ spellings: three, rounds: 1, deaths, fair: true }), preemptions: 0 },
    { scenario: rwLock({ parties: [reader, reader, writer], deaths }), preemptions: 0 },
    { scenario: rwLock({ parties: [reader, writer, writer], deaths }), preemptions: 0 },
    { scenario: rwLock({ parties: [reader, reader, writer], deaths, fair: true }), preemptions: 0 },
    { scenario: rwLock({ parties: [quitter, reader, writer], deaths, fair: true }), preemptions: 0 },
    { scenario: semaphore({ permits: 1, parties: [taker, taker, taker], deaths }), preemptions: 0 },
    {
      scenario: semaphore({ permits: 2, parties: [taker, { ...taker, wants: 2 }, taker], deaths }),
      preemptions: 0,
    },
    {
      scenario: semaphore({ permits: 1, parties: [taker, taker, taker], deaths, fair: true }),
      preemptions: 0,
    },
    { scenario: condition({ parties: ['notifier', 'waiter', 'waiter'], deaths }), preemptions: 0 },
    { scenario: gate({ kind: 'manual event', parties: ['opener', 'sync', 'sync'], deaths }), preemptions: 0 },
    { scenario: gate({ kind: 'auto event', parties: ['opener', 'sync', 'sync'], deaths }), preemptions: 0 },
    { scenario: gate({ kind: 'latch of 2', parties: ['opener', 'opener', 'sync'], deaths }) },
    { scenario: barrier({ parties: 3, deaths }), preemptions: 0 },
    { scenario: lease({ parties: ['leads', 'leads and resigns', 'watches'], deaths }), preemptions: 0 },
  ].map((each) => ({ quick: false, ...each }));
}
