/** The ring of the shared-memory queue: death at each of its steps, and a stopped party. */
import type { LeasedMessage } from '@ipc/mq';
import type { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { noLeaks } from '@ipc/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { planQueue } from '../src/shared-layout.ts';
import type { SharedStore } from '../src/shared-store.ts';
import { UndoLog } from '../src/undo-log.ts';
import { drained, geometry, long, slots, small, twoHandles } from './two-handles.ts';

noLeaks();

const atomics = { ...Object.getOwnPropertyDescriptors(Atomics) };
const { set, rollBack } = UndoLog.prototype; // eslint-disable-line @typescript-eslint/unbound-method -- put back below
const { isAlive } = Monitor.prototype; // eslint-disable-line @typescript-eslint/unbound-method -- put back below

afterEach(() => {
  Monitor.prototype.isAlive = isAlive;
});

class Died extends Error {}

/**
 * Runs an operation that dies before its step number `step`: an atomic operation on the ring, or a change in the log. Nothing of
 * either happens afterwards. False when it has fewer steps.
 */
function dieAt(step: number, region: Region, operation: () => unknown): boolean {
  const ring = planQueue(geometry).claims / 4;
  let steps = 0;
  const count = (): void => {
    if (steps++ >= step) throw new Died();
  };
  for (const name of ['load', 'store', 'compareExchange'] as const) {
    const original = atomics[name].value as (words: Int32Array, index: number, ...values: number[]) => number;
    Object.defineProperty(Atomics, name, {
      configurable: true,
      writable: true,
      value: (words: Int32Array, index: number, ...values: number[]) => {
        if (words === region.words && index >= ring) count();
        return original(words, index, ...values);
      },
    });
  }
  UndoLog.prototype.set = function (this: UndoLog, index, value) {
    count();
    set.call(this, index, value);
  };
  UndoLog.prototype.rollBack = () => undefined; // the dead do not clean up
  try {
    operation();
    return false;
  } catch (error) {
    if (!(error instanceof Died)) throw error;
    return true;
  } finally {
    Object.defineProperties(Atomics, atomics);
    Object.assign(UndoLog.prototype, { set, rollBack });
  }
}

describe('a party that dies at any step', () => {
  interface Operation {
    /** Bytes of the three messages that are there. */
    readonly bytes?: number;
    /** Before it comes to anything. */
    readonly prepare?: (dying: SharedStore, store: SharedStore) => LeasedMessage | undefined;
    readonly run: (dying: SharedStore, lease: LeasedMessage | undefined) => unknown;
    readonly after: readonly number[];
  }
  const operations: Record<string, Operation> = {
    'push into the ring': { run: (dying) => dying.push(small(9), 0), after: [1, 2, 3, 9] },
    'push behind the ring': {
      run: (dying) => dying.push(small(9), 0, { delayMs: 0, ttlMs: 1e6 }),
      after: [1, 2, 3, 9],
    },
    'push of a long one into the ring': { run: (dying) => dying.push(long(9), 0), after: [1, 2, 3, 9] },
    'push of a long one behind the ring': {
      run: (dying) => dying.push(long(9), 0, { delayMs: 0, ttlMs: 1e6 }),
      after: [1, 2, 3, 9],
    },
    'push of a long one of another priority': {
      run: (dying) => dying.push(long(9), 4),
      after: [9, 1, 2, 3],
    },
    'push of another priority': { run: (dying) => dying.push(small(9), 4), after: [9, 1, 2, 3] },
    'pull from the ring': { run: (dying) => dying.pull(), after: [2, 3] },
    'lease from the ring': { run: (dying) => dying.lease(1e6), after: [1, 2, 3] },
    'acknowledgement in the ring': {
      prepare: (dying) => dying.lease(1e6),
      run: (_, lease) => lease?.acknowledge(),
      after: [2, 3],
    },
    'release from the ring': {
      prepare: (dying) => dying.lease(1e6),
      run: (_, lease) => lease?.release(),
      after: [1, 2, 3],
    },
    'pull of a long one': { bytes: 2_100, run: (dying) => dying.pull(), after: [2, 3] },
    'lease of a long one': { bytes: 2_100, run: (dying) => dying.lease(1e6), after: [1, 2, 3] },
    'acknowledgement of a long one': {
      bytes: 2_100,
      prepare: (dying) => dying.lease(1e6),
      run: (_, lease) => lease?.acknowledge(),
      after: [2, 3],
    },
    'release of a long one': {
      bytes: 2_100,
      prepare: (dying) => dying.lease(1e6),
      run: (_, lease) => lease?.release(),
      after: [1, 2, 3],
    },
    'pull of a long one that was released': {
      bytes: 2_100,
      prepare: (dying) => {
        dying.lease(1e6)?.release();
        return undefined;
      },
      run: (dying) => dying.pull(),
      after: [2, 3],
    },
    'end of the lease of another': {
      prepare: (_, store) => store.lease(Number.MIN_VALUE),
      run: (dying) => dying.counts,
      after: [1, 2, 3],
    },
  };

  test.each(Object.entries(operations))('%s: has done it or has not', (_, operation) => {
    const { bytes = 1, prepare, run, after } = operation;
    let step = 0;
    const outcomes = new Set<string>();
    for (; ; step++) {
      using queue = twoHandles();
      const { store, other: dying, region } = queue;
      for (const n of [1, 2, 3]) store.push(new Uint8Array(bytes).fill(n), 0);
      const lease = prepare?.(dying, store);
      const died = dieAt(step, region, () => run(dying, lease));
      Monitor.prototype.isAlive = () => false;
      store.announce(true, false); // who goes to sleep asks for the dead
      store.withdraw();
      const found = drained(store);
      if (died) {
        outcomes.add(found.join());
        expect([[1, 2, 3].join(), after.join()]).toContain(found.join());
      } else expect(found).toEqual(after);
      // No slot is lost: the ring takes as many as ever, in order. (Once it may find itself closed, which costs nothing.)
      for (const most of [slots + 1, slots]) {
        let sent = 0;
        while (store.push(small(sent + 10), 0)) sent++;
        expect([slots, most]).toContain(sent);
        expect(drained(store)).toEqual(Array.from({ length: sent }, (__, n) => n + 10));
      }
      // And no block.
      let longOnes = 0;
      while (store.push(new Uint8Array(900).fill(longOnes + 10), 0)) longOnes++;
      expect(longOnes).toBe(geometry.blocks);
      expect(drained(store)).toEqual(Array.from({ length: longOnes }, (__, n) => n + 10));
      Monitor.prototype.isAlive = isAlive;
      if (!died) break;
    }
    expect(step).toBeGreaterThan(1);
    expect(outcomes).toContain([1, 2, 3].join());
  });

  test('lease of more than fit into the ring: all are received again', () => {
    const sent = Array.from({ length: slots }, (_, n) => n);
    for (let step = 0, died = true; died; step++) {
      using queue = twoHandles();
      const { store, other: dying, region } = queue;
      for (const n of sent) store.push(small(n), 0);
      for (let n = 1; n < slots; n++) dying.lease(1e6);
      died = dieAt(step, region, () => dying.lease(1e6));
      Monitor.prototype.isAlive = () => false;
      store.announce(true, false);
      store.withdraw();
      expect(drained(store)).toEqual(sent);
      Monitor.prototype.isAlive = isAlive;
    }
  });
});

describe('a party that is stopped', () => {
  test('while it sends holds nobody up, and its message is sent when it goes on', () => {
    using queue = twoHandles();
    const { store, other, region } = queue;
    const { compareExchange } = Atomics;
    let isStopped = false;
    Atomics.compareExchange = ((words: Int32Array, index: number, expected: number, value: number) => {
      if (
        words === region.words &&
        index >= planQueue(geometry).claims / 4 &&
        !isStopped &&
        (value & 0x700) === 0x200
      ) {
        isStopped = true; // it has claimed its slot and written; meanwhile:
        store.push(small(2), 0);
        expect(drained(store)).toEqual([2]);
      }
      return compareExchange(words, index, expected, value);
    }) as typeof compareExchange;
    try {
      expect(other.push(small(1), 0)).toBe(true);
    } finally {
      Atomics.compareExchange = compareExchange;
    }
    expect(isStopped).toBe(true);
    expect(drained(store)).toEqual([1]);
  });

  test('while it receives has not received yet', () => {
    using queue = twoHandles();
    const { store, other, region } = queue;
    store.push(small(1), 0);
    const { compareExchange } = Atomics;
    let sent = 0;
    Atomics.compareExchange = ((words: Int32Array, index: number, expected: number, value: number) => {
      if (words === region.words && (expected & 0x700) === 0x200 && sent === 0) {
        // it has copied the message and is about to take it; meanwhile the others go around the ring:
        for (let n = 2; n < 3 * slots; n++) {
          sent += Number(store.push(small(n), 0));
          expect(store.pull()?.bytes[0]).toBe(n - 1);
        }
      }
      return compareExchange(words, index, expected, value);
    }) as typeof compareExchange;
    try {
      expect(other.pull()?.bytes[0]).toBe(3 * slots - 1);
    } finally {
      Atomics.compareExchange = compareExchange;
    }
    expect(sent).toBe(3 * slots - 2);
    expect(drained(store)).toEqual([]);
  });
});
