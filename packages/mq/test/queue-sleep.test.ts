/** Who sleeps beside a shared-memory queue is woken, whatever happens to the one who ought to. */
import { SharedQueue } from '@ipc/mq';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { planQueue, ROOM_WANTED } from '../src/shared-layout.ts';
import { drained, geometry, slots, small, twoHandles } from './two-handles.ts';

noLeaks();

const worker = new URL('../dist-test/workers/room-maker.js', import.meta.url);

describe('who sleeps for room', () => {
  test('watches those who receive, from their first message on', () => {
    using queue = twoHandles();
    const { store, other, region } = queue;
    for (let n = 0; n < slots; n++) store.push(small(n), 0);
    expect(store.push(small(99), 0)).toBe(false);
    expect(store.announce(false, true)?.watched).toEqual([]);
    expect(other.pull()?.bytes[0]).toBe(0);
    expect(region.words[ROOM_WANTED]).toBe(0);
    expect(store.push(small(99), 0)).toBe(true);
    expect(store.push(small(99), 0)).toBe(false);
    expect(store.announce(false, true)?.watched).toHaveLength(1);
    store.withdraw();
  });

  test('sleeps until it is woken: there is no time after which it looks by itself', () => {
    using queue = twoHandles();
    const { store } = queue;
    for (let n = 0; n < slots; n++) store.push(small(n), 0);
    expect(store.push(small(99), 0)).toBe(false);
    expect(store.announce(false, true)?.dueMs).toBe(Infinity);
    store.withdraw();
  });

  test.each(['after it has received', 'with its first message'])(
    'hears of the death of one who has made room and not rung: %s',
    async (when) => {
      using queue = SharedQueue.create(uniqueName('room'), { capacityBytes: 64 << 10 });
      let sent = 0;
      while (queue.trySend(small(sent % 256))) sent++;
      await using peer = await spawnPeer(worker, queue.name ?? '');
      queue.unlink();
      if (when === 'after it has received') {
        expect(await peer.call('receive')).toBe(0);
        expect(queue.trySend(small(1))).toBe(true);
      }
      await peer.call('arm');
      await queue.send(small(2));
    },
  );

  test('hears of it also where it blocks its thread', async () => {
    using queue = SharedQueue.create(uniqueName('room'), { capacityBytes: 64 << 10 });
    while (queue.trySend(small(1)));
    await using peer = await spawnPeer(worker, queue.name ?? '');
    queue.unlink();
    await peer.call('arm');
    expect(queue.sendSync(small(2), { timeoutMs: 30_000 })).toBe(true);
  });

  test('is told when another gives back blocks that it took in vain', () => {
    using queue = twoHandles();
    const { store, other, region } = queue;
    const { blockStates, blockLinks } = planQueue(geometry);
    const { compareExchange } = Atomics;
    const half = new Uint8Array(5 * 1024).fill(1);
    let taken = 0;
    Atomics.compareExchange = ((words: Int32Array, index: number, expected: number, value: number) => {
      const isBlock = words === region.words && index * 4 >= blockStates && index * 4 < blockLinks;
      if (isBlock && taken++ === 2) {
        // Of twelve blocks the other has taken two; meanwhile:
        expect(store.push(half, 0)).toBe(true);
        expect(store.push(new Uint8Array(6 * 1024), 0)).toBe(false);
        expect(store.announce(false, true)).toBeDefined();
      }
      return compareExchange(words, index, expected, value);
    }) as typeof compareExchange;
    try {
      expect(other.push(new Uint8Array(8_000), 0)).toBe(false);
    } finally {
      Atomics.compareExchange = compareExchange;
    }
    expect(region.words[ROOM_WANTED]).toBe(0);
    store.withdraw();
    expect(store.push(new Uint8Array(6 * 1024).fill(2), 0)).toBe(true);
    expect(drained(store)).toEqual([1, 2]);
  });
});
