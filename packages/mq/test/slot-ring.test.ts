/** The ring of the shared-memory queue: death at each of its steps, and a stopped party. */
import type { LeasedMessage } from '@ipc/mq';
import { Monitor } from '@ipc/sync';
import { noLeaks } from '@ipc/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { planQueue } from '../src/shared-layout.ts';
import type { SharedStore } from '../src/shared-store.ts';
import { dieAt } from './die-at.ts';
import { drained, geometry, long, slots, small, twoHandles } from './two-handles.ts';

noLeaks();

/** As where it is no plain load, so that each is a step at which a party may die. */
vi.mock('../src/ordered-load.ts', () => ({
  orderedLoad: (words: Int32Array, index: number) => Atomics.load(words, index),
}));

afterEach(() => {
  vi.restoreAllMocks();
});

/** Words of the ring. */
const from = planQueue(geometry).claims / 4;

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
      const died = dieAt(step, () => run(dying, lease), { region, from });
      const isAlive = vi.spyOn(Monitor.prototype, 'isAlive').mockReturnValue(false);
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
      isAlive.mockRestore();
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
      died = dieAt(step, () => dying.lease(1e6), { region, from });
      const isAlive = vi.spyOn(Monitor.prototype, 'isAlive').mockReturnValue(false);
      store.announce(true, false);
      store.withdraw();
      expect(drained(store)).toEqual(sent);
      isAlive.mockRestore();
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
