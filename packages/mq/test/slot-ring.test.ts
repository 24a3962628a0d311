/** The ring of the shared-memory queue: death at each of its steps, a stopped party, and its order with all other messages. */
import { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { noLeaks, pattern } from '@ipc/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { CELL_BYTES, FRESH, planQueue, QUEUE_KIND } from '../src/shared-layout.ts';
import { SharedStore } from '../src/shared-store.ts';
import { UndoLog } from '../src/undo-log.ts';

noLeaks();

const slots = 16;
const geometry = { cellBytes: 128, cells: 64, participants: 4, ringSlots: slots };
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
      words.set([128, geometry.cells, 80, 2_000, 0, geometry.participants, slots], CELL_BYTES);
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
  for (let message = store.pull(); message !== undefined; message = store.pull())
    found.push(message.bytes[0]);
  return found;
}

const small = (n: number): Uint8Array => Uint8Array.of(n);

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
  const operations: Record<string, { run: (dying: SharedStore) => unknown; after: readonly number[] }> = {
    'push into the ring': { run: (dying) => dying.push(small(9), 0), after: [1, 2, 3, 9] },
    'push behind the ring': { run: (dying) => dying.push(pattern(500, 9), 0), after: [1, 2, 3, 9] },
    'push of another priority': { run: (dying) => dying.push(small(9), 4), after: [9, 1, 2, 3] },
    'pull from the ring': { run: (dying) => dying.pull(), after: [2, 3] },
    'lease from the ring': { run: (dying) => dying.lease(1e6), after: [1, 2, 3] },
  };

  test.each(Object.entries(operations))('%s: has done it or has not', (_, { run, after }) => {
    let step = 0;
    const outcomes = new Set<string>();
    for (; ; step++) {
      const queue = made();
      const { store, other: dying, region } = queue;
      for (const n of [1, 2, 3]) store.push(small(n), 0);
      const died = dieAt(step, region, () => run(dying));
      Monitor.prototype.isAlive = () => false;
      store.announce(true, false); // who goes to sleep asks for the dead
      store.withdraw();
      const found = drained(store).map((first) => (first === pattern(1, 9)[0] ? 9 : first));
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
      Monitor.prototype.isAlive = isAlive;
      close(queue);
      if (!died) break;
    }
    expect(step).toBeGreaterThan(1);
    expect(outcomes).toContain([1, 2, 3].join());
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

  test('while it receives does not make an empty queue full', () => {
    const queue = made();
    const { store, other, region } = queue;
    store.push(small(1), 0);
    const { store: atomicStore } = Atomics;
    let sent = 0;
    Atomics.store = ((words: Int32Array, index: number, value: number) => {
      if (words === region.words && index >= planQueue(geometry).claims / 4 && sent === 0) {
        // it has the message and is about to free its slot; meanwhile the others go once around the ring:
        for (let n = 0; n < 3 * slots; n++) {
          sent += Number(store.push(small(n), 0));
          expect(store.pull()?.bytes[0]).toBe(n);
        }
      }
      return atomicStore(words, index, value);
    }) as typeof atomicStore;
    try {
      expect(other.pull()?.bytes[0]).toBe(1);
    } finally {
      Atomics.store = atomicStore;
    }
    expect(sent).toBe(3 * slots);
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
    expect(store.giveBack(first?.cell ?? 0, first?.serial ?? 0, 0)).toBe(true);
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
