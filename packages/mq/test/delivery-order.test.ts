/** The order of the shared-memory queue: what is in the ring, and what is in cells. */
import { noLeaks } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { drained, slots, small, twoHandles } from './two-handles.ts';

noLeaks();

describe('the order', () => {
  test('small and large messages of one priority come in the order of sending', () => {
    using queue = twoHandles();
    const { store, other } = queue;
    const lengths = [1, 400, 1, 1, 130, 1, 1, 400, 1];
    for (const [n, length] of lengths.entries())
      expect(store.push(new Uint8Array(length).fill(n), 0)).toBe(true);
    expect(drained(other)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(store.push(small(1), 0)).toBe(true);
    expect(store.counts.messages).toBe(1);
    expect(drained(other)).toEqual([1]);
  });

  test('higher priorities come before, and what was released comes first', () => {
    using queue = twoHandles();
    const { store, other } = queue;
    for (const n of [1, 2, 3]) store.push(small(n), 0);
    const first = store.lease(1e6);
    store.push(small(9), 5);
    expect(first?.release()).toBe(true);
    expect(drained(other)).toEqual([9, 1, 2, 3]);
  });

  test('a message with a time to live keeps its place behind the ring, and is dropped there', () => {
    using queue = twoHandles();
    const { store, other } = queue;
    store.push(small(1), 0);
    store.push(small(2), 0, { delayMs: 0, ttlMs: 1e6 });
    store.push(small(3), 0, { delayMs: 0, ttlMs: 0.001 });
    store.push(small(4), 0);
    expect(drained(other)).toEqual([1, 2, 4]);
    expect(store.counts).toMatchObject({ messages: 0, expired: 1 });
  });

  test('a full ring is full for what belongs into it, and for nothing else', () => {
    using queue = twoHandles();
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
  });
});
