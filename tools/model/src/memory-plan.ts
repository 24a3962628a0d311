/** What is explored of `@ipc/shm` and `@ipc/mq` beyond rings, broadcast, queue and latest value. */
import type { Planned } from './plan.ts';
import { map, type MapChange } from './scenarios/map.ts';
import { pool } from './scenarios/pool.ts';
import { records } from './scenarios/records.ts';
import { sharedQueue } from './scenarios/shared-queue.ts';
import { waitAny } from './scenarios/wait-any.ts';

export function memoryPlan(): readonly Planned[] {
  const sender = { sends: ['short'] } as const;
  const receiver = { receives: 'all' } as const;
  const borrower = { borrows: 'all' } as const;
  /** "b" stands behind "a" and moves to its place. */
  const mover = {
    changes: [
      ['set', 'a'],
      ['set', 'b'],
      ['delete', 'a'],
    ] satisfies MapChange[],
    before: 2,
  };
  const setter = {
    changes: [
      ['set', 'a'],
      ['set', 'a'],
      ['set', 'a'],
    ] satisfies MapChange[],
    before: 1,
  };
  const other = { changes: [['set', 'c']] satisfies MapChange[] };
  const consumer = { receives: 'sync' } as const;
  const leaser = { receives: 'sync', leases: true } as const;
  return [
    { quick: true, scenario: waitAny({ senders: [[1]], deaths: 0 }) },
    { quick: false, scenario: waitAny({ senders: [[1, 0]], deaths: 0 }) },
    { quick: false, scenario: waitAny({ senders: [[1]], deaths: 1 }) },
    { quick: false, scenario: waitAny({ senders: [[0], [1]], deaths: 0 }) },
    { quick: true, scenario: records({ parties: [sender, receiver], deaths: 0 }) },
    {
      quick: true,
      scenario: records({
        parties: [{ sends: ['left', 'short'], before: 2 }, receiver],
        deaths: 1,
        mortals: [0],
      }),
    },
    { quick: false, scenario: records({ parties: [sender, receiver], deaths: 1 }) },
    {
      quick: false,
      scenario: records({ parties: [receiver, { sends: ['short', 'long', 'long'], before: 2 }], deaths: 0 }),
    },
    {
      quick: false,
      scenario: records({
        parties: [{ sends: ['short', 'claimed', 'aborted', 'short'], before: 1 }, receiver],
        deaths: 0,
      }),
    },
    {
      quick: false,
      scenario: records({
        parties: [{ sends: ['short', 'short'], before: 2 }, receiver, { ...receiver, opens: 'late' }],
        deaths: 1,
        mortals: [1],
      }),
    },
    { quick: true, scenario: pool({ chunks: 1, parties: [{ publishes: 1 }, borrower], deaths: 0 }) },
    {
      quick: false,
      scenario: pool({ chunks: 1, parties: [{ publishes: 2, before: 1 }, borrower], deaths: 0 }),
    },
    {
      quick: true,
      scenario: pool({ chunks: 2, parties: [{ publishes: 1 }, { ...borrower, joins: 'late' }], deaths: 0 }),
    },
    {
      quick: false,
      scenario: pool({ chunks: 1, parties: [{ publishes: 2, before: 1 }, borrower], deaths: 1 }),
    },
    { quick: true, scenario: map({ parties: [setter, { reads: ['a'] }], deaths: 0 }) },
    { quick: true, scenario: map({ parties: [mover, { reads: ['b'] }], deaths: 0 }) },
    { quick: true, scenario: map({ parties: [mover, other], deaths: 1, mortals: [0] }) },
    { quick: false, scenario: map({ parties: [mover, { reads: ['b'] }, other], deaths: 1, mortals: [0] }) },
    {
      quick: false,
      scenario: map({ parties: [setter, { reads: ['a'] }], deaths: 0, processor: 'armv8' }),
    },
    {
      quick: false,
      scenario: sharedQueue({ parties: [{ sends: ['urgent'], spelling: 'sync' }, consumer], deaths: 0 }),
    },
    ...[0, 1].map((mortal) => ({
      quick: false,
      scenario: sharedQueue({
        parties: [{ sends: ['urgent'], spelling: 'sync' }, consumer],
        deaths: 1,
        mortals: [mortal],
      }),
    })),
    {
      quick: false,
      scenario: sharedQueue({ parties: [{ sends: ['small'], spelling: 'sync' }, consumer], deaths: 0 }),
    },
    {
      quick: false,
      scenario: sharedQueue({ parties: [{ sends: ['small'], spelling: 'sync' }, consumer], deaths: 1 }),
    },
    {
      quick: false,
      scenario: sharedQueue({
        parties: [{ sends: ['small'], spelling: 'sync', before: 1 }, leaser, leaser],
        deaths: 1,
        mortals: [2],
      }),
    },
    {
      quick: false,
      scenario: sharedQueue({ parties: [{ sends: ['long'], spelling: 'sync' }, consumer], deaths: 1 }),
    },
    {
      quick: false,
      scenario: sharedQueue({
        parties: [{ sends: ['long'], spelling: 'sync' }, { sends: ['long'], spelling: 'sync' }, consumer],
        deaths: 0,
      }),
    },
    {
      quick: false,
      scenario: sharedQueue({
        parties: [{ sends: ['long'], spelling: 'sync', before: 1 }, leaser, leaser],
        deaths: 1,
        mortals: [2],
      }),
    },
    {
      quick: false,
      scenario: sharedQueue({
        parties: [{ sends: ['small', 'timed', 'small'], spelling: 'sync', before: 2 }, consumer],
        deaths: 0,
      }),
    },
    ...[0, 1].map((deaths) => ({
      quick: false,
      scenario: sharedQueue({
        parties: [{ sends: ['small', 'small', 'small'], spelling: 'sync', before: 2 }, consumer],
        deaths,
      }),
    })),
    {
      quick: false,
      scenario: sharedQueue({
        parties: [
          { sends: ['small', 'small', 'small'], spelling: 'async', before: 2 },
          { receives: 'async' },
        ],
        deaths: 1,
      }),
    },
  ];
}
