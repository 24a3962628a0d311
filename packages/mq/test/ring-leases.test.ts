/** Leases of messages that stay in the ring of the shared-memory queue. */
import { Monitor } from '@ipc/sync';
import { noLeaks } from '@ipc/testkit';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { SharedStore } from '../src/shared-store.ts';
import { drained, slots, small, twoHandles } from './two-handles.ts';

noLeaks();

afterEach(() => {
  vi.restoreAllMocks();
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
    using queue = twoHandles();
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
  });

  test('ends in its time, and the old one is void though its slot is leased again', () => {
    using queue = twoHandles();
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
  });

  test('is extended, or not', () => {
    using queue = twoHandles();
    const { store, other } = queue;
    store.push(small(1), 0);
    store.push(small(2), 0);
    const [long, short] = [other.lease(1e6), other.lease(1e6)];
    expect(long?.extend(2e6)).toBe(true);
    expect(short?.extend(Number.MIN_VALUE)).toBe(true);
    expect(drained(store)).toEqual([2]);
    expect([long?.acknowledge(), short?.acknowledge()]).toEqual([true, false]);
  });

  test('of every slot leaves no room, until one ends', () => {
    using queue = twoHandles();
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
  });

  test('beyond the fifteenth of a handle is in a cell, and those that ended make room again', () => {
    using queue = twoHandles();
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
  });

  test('of one who closes, or dies, comes back first, in the order of sending', () => {
    using queue = twoHandles();
    const { store, other } = queue;
    for (const n of [1, 2, 3, 4]) store.push(small(n), 0);
    for (let n = 0; n < 3; n++) other.lease(1e6);
    vi.spyOn(Monitor.prototype, 'isAlive').mockReturnValue(false);
    store.announce(true, false);
    store.withdraw();
    expect(store.counts).toMatchObject({ messages: 4, leased: 0, redelivered: 3 });
    expect(store.lease(1e6)).toMatchObject({ bytes: small(1), attempt: 2 });
    expect(drained(store)).toEqual([2, 3, 4]);
  });
});
