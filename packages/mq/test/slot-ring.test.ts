/** The ring of the shared-memory queue: death at each of its steps, a stopped party, and its order with all other messages. */
import type { LeasedMessage } from '@ipc/mq';
import { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { noLeaks } from '@ipc/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { CELL_BYTES, FRESH, planQueue, QUEUE_KIND } from '../src/shared-layout.ts';
import { SharedStore } from '../src/shared-store.ts';
import { UndoLog } from '../src/undo-log.ts';

noLeaks();

const slots = 16;
const geometry = { cellBytes: 128, cells: 64, participants: 4, ringSlots: slots, blocks: 12 };
const silent = { look: () => undefined, lookSoon: () => undefined };
const atomics = { ...Object.getOwnPropertyDescriptors(Atomics) };
const { set, rollBack } = UndoLog.prototype; // eslint-disable-line @typescript-eslint/unbound-method -- put back below
const { isAlive } = Monitor.prototype; // eslint-disable-line @typescript-eslint/unbound-method -- put back below

afterEach(() => {
  Monitor.prototype.isAlive = isAlive;
});

function made(): { store: SharedStore; other: SharedStore; region: Region } {
  const region = Region.anonymous({
    kind: QUEUE_KIND,
    bytes: planQueue(geometry).bytes,
    initialise: ({ words }) => {
      words.set(
        [128, geometry.cells, 80, 8_000, 0, geometry.participants, slots, geometry.blocks],
        CELL_BYTES,
      );
      words[FRESH] = 1;
    },
  });
  return { store: new SharedStore(region, silent), other: new SharedStore(region, silent), region };
}

function close({ store, other, region }: ReturnType<typeof made>): void {
  store.close();
  other.close();
  region.close();
}

function drained(store: SharedStore): (number | undefined)[] {
  const found: (number | undefined)[] = [];
  for (let message = store.pull(); message !== undefined; message = store.pull()) {
    const { bytes } = message;
    found.push(bytes.every((byte) => byte === bytes[0]) ? bytes[0] : -1); // a torn one
  }
  return found;
}

const small = (n: number): Uint8Array => Uint8Array.of(n);
/** Over three blocks. */
const long = (n: number): Uint8Array => new Uint8Array(2_100).fill(n);

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
      const queue = made();
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
      close(queue);
      if (!died) break;
    }
    expect(step).toBeGreaterThan(1);
    expect(outcomes).toContain([1, 2, 3].join());
  });

  test('lease of more than fit into the ring: all are received again', () => {
    const sent = Array.from({ length: slots }, (_, n) => n);
    for (let step = 0, died = true; died; step++) {
      const queue = made();
      const { store, other: dying, region } = queue;
      for (const n of sent) store.push(small(n), 0);
      for (let n = 1; n < slots; n++) dying.lease(1e6);
      died = dieAt(step, region, () => dying.lease(1e6));
      Monitor.prototype.isAlive = () => false;
      store.announce(true, false);
      store.withdraw();
      expect(drained(store)).toEqual(sent);
      Monitor.prototype.isAlive = isAlive;
      close(queue);
    }
  });
});

describe('a party that is stopped', () => {
  test('while it sends holds nobody up, and its message is sent when it goes on', () => {
    const queue = made();
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
    close(queue);
  });

  test('while it receives has not received yet', () => {
    const queue = made();
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
    close(queue);
  });
});

describe('a lease in the ring', () => {
  /** Sends and receives, once around the ring and more. */
  const goAround = (store: SharedStore): void => {
    for (let n = 0; n < 3 * slots; n++) {
      expect(store.push(small(100 + n), 0)).toBe(true);
      expect(store.pull()?.bytes[0]).toBe(100 + n);
    }
  };

  test('does not hold up those who go around, and lasts', () => {
    const queue = made();
    const { store, other } = queue;
    for (const n of [1, 2, 3]) store.push(small(n), 0);
    const leases = [other.lease(1e6), other.lease(1e6)];
    expect(store.pull()?.bytes[0]).toBe(3);
    goAround(store);
    expect(store.counts).toMatchObject({ messages: 2, leased: 2 });
    expect(leases[0]?.acknowledge()).toBe(true);
    expect(leases[0]?.acknowledge()).toBe(false);
    expect(leases[1]?.release()).toBe(true);
    expect(store.counts).toMatchObject({ messages: 1, leased: 0, redelivered: 1 });
    expect(store.lease(1e6)).toMatchObject({ bytes: small(2), attempt: 2 });
    close(queue);
  });

  test('ends in its time, and the old one is void though its slot is leased again', () => {
    const queue = made();
    const { store, other } = queue;
    store.push(small(1), 0);
    const old = other.lease(Number.MIN_VALUE);
    expect(store.counts).toMatchObject({ messages: 1, leased: 0, redelivered: 1 });
    const again = store.lease(1e6);
    expect(again).toMatchObject({ bytes: small(1), attempt: 2 });
    for (let n = 2; n <= slots; n++) {
      store.push(small(n), 0);
      expect(store.pull()?.bytes[0]).toBe(n);
    }
    store.push(small(17), 0);
    const anew = other.lease(1e6);
    expect([old?.acknowledge(), old?.release(), old?.extend(1e6)]).toEqual([false, false, false]);
    expect(store.counts).toMatchObject({ messages: 2, leased: 2 });
    expect([again?.acknowledge(), anew?.acknowledge()]).toEqual([true, true]);
    close(queue);
  });

  test('is extended, or not', () => {
    const queue = made();
    const { store, other } = queue;
    store.push(small(1), 0);
    store.push(small(2), 0);
    const [long, short] = [other.lease(1e6), other.lease(1e6)];
    expect(long?.extend(2e6)).toBe(true);
    expect(short?.extend(Number.MIN_VALUE)).toBe(true);
    expect(drained(store)).toEqual([2]);
    expect([long?.acknowledge(), short?.acknowledge()]).toEqual([true, false]);
    close(queue);
  });

  test('of every slot leaves no room, until one ends', () => {
    const queue = made();
    const { store, other } = queue;
    for (let n = 0; n < slots; n++) store.push(small(n), 0);
    const leases = Array.from({ length: slots }, (_, n) => (n % 2 === 0 ? store : other).lease(1e6));
    expect(leases.map((lease) => lease?.bytes[0])).toEqual(Array.from({ length: slots }, (_, n) => n));
    expect(store.counts).toMatchObject({ messages: slots, leased: slots });
    expect(store.push(small(99), 0)).toBe(false);
    expect(store.announce(false, true)).toBeDefined();
    store.withdraw();
    expect(leases[5]?.acknowledge()).toBe(true);
    expect(store.announce(false, true)).toBeUndefined();
    expect(store.push(small(99), 0)).toBe(true);
    expect(drained(other)).toEqual([99]);
    for (const lease of leases) lease?.acknowledge();
    expect(store.counts).toMatchObject({ messages: 0, leased: 0 });
    close(queue);
  });

  test('beyond the fifteenth of a handle is in a cell, and those that ended make room again', () => {
    const queue = made();
    const { store, other } = queue;
    for (let n = 0; n < slots; n++) store.push(small(n), 0);
    const leases = Array.from({ length: slots }, () => other.lease(1e6));
    expect(store.counts).toMatchObject({ messages: slots, leased: slots });
    expect(leases.every((lease) => lease?.extend(Number.MIN_VALUE))).toBe(true);
    expect(drained(store)).toHaveLength(slots);
    for (let n = 0; n < slots; n++) store.push(small(n), 0);
    const anew = Array.from({ length: 15 }, () => other.lease(1e6));
    expect(leases.some((lease) => lease?.acknowledge())).toBe(false);
    expect(anew.every((lease) => lease?.acknowledge())).toBe(true);
    expect(drained(store)).toEqual([15]);
    close(queue);
  });

  test('of one who closes, or dies, comes back first, in the order of sending', () => {
    const queue = made();
    const { store, other } = queue;
    for (const n of [1, 2, 3, 4]) store.push(small(n), 0);
    for (let n = 0; n < 3; n++) other.lease(1e6);
    Monitor.prototype.isAlive = () => false;
    store.announce(true, false);
    store.withdraw();
    expect(store.counts).toMatchObject({ messages: 4, leased: 0, redelivered: 3 });
    expect(store.lease(1e6)).toMatchObject({ bytes: small(1), attempt: 2 });
    expect(drained(store)).toEqual([2, 3, 4]);
    close(queue);
  });
});

describe('order', () => {
  test('small and large messages of one priority come in the order of sending', () => {
    const queue = made();
    const { store, other } = queue;
    const lengths = [1, 400, 1, 1, 130, 1, 1, 400, 1];
    for (const [n, length] of lengths.entries())
      expect(store.push(new Uint8Array(length).fill(n), 0)).toBe(true);
    expect(drained(other)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(store.push(small(1), 0)).toBe(true);
    expect(store.counts.messages).toBe(1);
    expect(drained(other)).toEqual([1]);
    close(queue);
  });

  test('higher priorities come before, and what was released comes first', () => {
    const queue = made();
    const { store, other } = queue;
    for (const n of [1, 2, 3]) store.push(small(n), 0);
    const first = store.lease(1e6);
    store.push(small(9), 5);
    expect(first?.release()).toBe(true);
    expect(drained(other)).toEqual([9, 1, 2, 3]);
    close(queue);
  });

  test('a message with a time to live keeps its place behind the ring, and is dropped there', () => {
    const queue = made();
    const { store, other } = queue;
    store.push(small(1), 0);
    store.push(small(2), 0, { delayMs: 0, ttlMs: 1e6 });
    store.push(small(3), 0, { delayMs: 0, ttlMs: 0.001 });
    store.push(small(4), 0);
    expect(drained(other)).toEqual([1, 2, 4]);
    expect(store.counts).toMatchObject({ messages: 0, expired: 1 });
    close(queue);
  });

  test('a full ring is full for what belongs into it, and for nothing else', () => {
    const queue = made();
    const { store, other } = queue;
    for (let n = 0; n < slots; n++) expect(store.push(small(n), 0)).toBe(true);
    expect(store.push(small(99), 0)).toBe(false);
    expect(store.announce(false, true)).toBeDefined();
    store.withdraw();
    expect(store.push(small(98), 1)).toBe(true);
    expect(other.pull()?.bytes[0]).toBe(98);
    expect(other.pull()?.bytes[0]).toBe(0);
    expect(store.announce(false, true)).toBeUndefined();
    expect(store.push(small(99), 0)).toBe(true);
    close(queue);
  });
});
