/** A map whose writers die or are stopped, and whose memory holds anything. */
import { Region, SharedMap } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coded, contents, filled, lockWord, mapOptions, mapPeer, openMap } from './maps.ts';

noLeaks();

/** Calls `step` before and after each of these atomic operations of `run`. */
function withSteps(names: readonly (keyof Atomics)[], step: () => void, run: () => void): void {
  const originals = new Map(names.map((name) => [name, Reflect.get(Atomics, name) as () => unknown]));
  for (const [name, original] of originals) {
    Reflect.set(Atomics, name, (...args: []) => {
      step();
      const result = original.apply(Atomics, args);
      step();
      return result;
    });
  }
  try {
    run();
  } finally {
    for (const [name, original] of originals) Reflect.set(Atomics, name, original);
  }
}

test('whatever others do between any two steps of a reader, it finds what is there, whole', () => {
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  const name = uniqueName('map');
  using reader = openMap(name, { capacity: 22 });
  using writer = openMap(name, { capacity: 22 });
  const mine = (key: string): Uint8Array => filled(keys.indexOf(key));
  for (const key of keys) {
    for (const other of keys) {
      let isInside = true;
      for (let steps = 0; isInside; steps++) {
        for (const each of keys) writer.delete(each); // so that each is where it was the last time
        for (const each of keys) writer.set(each, mine(each));
        let left = steps;
        const disturb = (): void => {
          if (left-- !== 0) return;
          writer.delete(other); // moves those behind it
          if (other === key) writer.set('new', filled(99)); // to where it was, perhaps
        };
        let found: Uint8Array | undefined;
        withSteps(['load'], disturb, () => {
          found = reader.get(key);
        });
        isInside = left < 0;
        if (other !== key || found !== undefined) expect(found).toEqual(mine(key));
        writer.delete('new');
      }
    }
  }
});

describe('a writer that dies', () => {
  /** Does `change` and dies before its nth atomic write: what follows does nothing, and the kernel drops its proof of life. */
  function dieAt(steps: number, map: SharedMap, change: (map: SharedMap) => void): boolean {
    let left = steps;
    const step = (): void => {
      if (left-- > 0) return;
      left = -1;
      throw new Error('dead');
    };
    try {
      withSteps(['store', 'exchange', 'add', 'sub', 'compareExchange'], step, () => {
        change(map);
      });
    } catch (error) {
      expect((error as Error).message).toBe('dead');
    }
    map.close();
    return left < 0;
  }

  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  const changes: Record<string, (map: SharedMap) => void> = {
    inserting: (map) => {
      map.set('new', filled(99));
    },
    updating: (map) => {
      map.set('k7', filled(99));
    },
    ...Object.fromEntries(
      keys.map((key) => [
        `deleting ${key}`,
        (map: SharedMap) => {
          map.delete(key);
        },
      ]),
    ),
  };

  test.each(Object.entries(changes))('at any step of %s leaves the old or the new entry', (_, change) => {
    const expected = new Map(keys.map((key, i) => [key, i]));
    let died = true;
    let isAfter = false;
    for (let steps = 0; died; steps++) {
      const name = uniqueName('map');
      using map = openMap(name, { capacity: 22 });
      for (const [key, byte] of expected) map.set(key, filled(byte));
      const before = contents(map);
      died = dieAt(steps, openMap(name, { capacity: 22 }), change);
      using region = Region.open(name, { kind: 'map' });
      const isLocked = region.words[lockWord] !== 0;
      for (const key of keys) map.get(key); // readers need no repair
      map.set('other', filled(55)); // one segment: this repairs it
      expect(map.repairs).toBe(isLocked ? 1 : 0);
      map.delete('other');
      const after = contents(map);
      if (after.size === before.size && [...before].every(([key, byte]) => after.get(key) === byte)) {
        expect(isAfter).toBe(false);
      } else {
        isAfter = true;
      }
      for (const key of keys) map.delete(key);
      map.delete('new');
      expect(contents(map).size).toBe(0);
      const [slots, slotWords] = [(1152 + 128) >> 2, 2 + 4 + 2 * 6];
      for (let slot = slots; slot < region.words.length; slot += slotWords) {
        expect((region.words[slot] as number) & 3).toBe(0); // no holes left
      }
    }
    expect(isAfter).toBe(true);
  });

  test('by SIGKILL while it has the lock holds nobody up', async () => {
    const name = uniqueName('map');
    using map = openMap(name, { capacity: 10 });
    map.set('a', filled(1));
    await using peer = await spawnPeer(mapPeer);
    await peer.call('open', name, { ...mapOptions, capacity: 10 });
    await peer.call('signalAt', 1, 'SIGKILL');
    void peer.call('set', 'a', 2);
    await peer.exited;
    expect(map.get('a')).toEqual(filled(1));
    map.set('b', filled(3));
    expect(map.repairs).toBe(1);
    expect(contents(map)).toEqual(
      new Map([
        ['a', 1],
        ['b', 3],
      ]),
    );
  });

  test('by SIGKILL at random moments, again and again, leaves a map that works, and whole values all the time', async () => {
    const name = uniqueName('map');
    const shape = { ...mapOptions, capacity: 200, valueBytes: 100 };
    using map = SharedMap.open(name, shape);
    await using steady = await spawnPeer(mapPeer);
    await steady.call('open', name, shape);
    void steady.call('churn', 7, 150);
    for (let round = 0; round < 8; round++) {
      await using peer = await spawnPeer(mapPeer);
      await peer.call('open', name, shape);
      void peer.call('churn', round * 1000 + 1, 150);
      for (let i = 0; i < 2000; i++) {
        const value = map.get(`k${i % 150}`);
        if (value?.some((byte) => byte !== value[0])) throw new Error('torn');
      }
      await peer.kill();
    }
    await steady.kill();
    for (let i = 0; i < 150; i++) map.set(`k${i}`, filled(5, 100));
    expect(contents(map).size).toBe(150);
    for (let i = 0; i < 150; i++) expect(map.delete(`k${i}`)).toBe(true);
    expect(contents(map).size).toBe(0);
  });
});

test('a stopped writer is not taken for dead: readers read on, writers wait, and say for how long', async () => {
  const name = uniqueName('map');
  using map = openMap(name, { capacity: 10, timeoutMs: 30 });
  map.set('a', filled(1));
  await using peer = await spawnPeer(mapPeer);
  await peer.call('open', name, { ...mapOptions, capacity: 10 });
  await peer.call('signalAt', 1, 'SIGSTOP');
  const set = peer.call('set', 'a', 2);
  using region = Region.open(name, { kind: 'map' });
  while (Atomics.load(region.words, lockWord) === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(map.get('a')).toEqual(filled(1));
  expect(() => {
    map.set('a', filled(3));
  }).toThrow(/timeoutMs, which is 30/);
  expect(map.repairs).toBe(0);
  peer.resume();
  await set;
  expect(map.get('a')).toEqual(filled(2));
  map.set('a', filled(3));
  expect(map.get('a')).toEqual(filled(3));
});

test('whatever the memory holds, calls end, and stay inside', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2000, maxLength: 2000 }), fc.nat(5), (noise, spread) => {
      const name = uniqueName('map');
      using map = openMap(name, { capacity: 10, timeoutMs: 0 });
      for (let i = 0; i < 10; i++) map.set(`k${i}`, filled(i));
      using region = Region.open(name, { kind: 'map' });
      for (const [i, byte] of noise.entries()) {
        const at = 1152 + ((i * (spread + 1)) % (region.bytes - 1152));
        region.bytesView[at] = byte;
      }
      for (let i = 0; i < 12; i++) {
        map.get(`k${i}`);
        try {
          map.set(`k${i}`, filled(i));
        } catch (error) {
          expect(error).toEqual(coded('ERR_IPC_LIMIT'));
        }
        map.delete(`k${i}`);
      }
      expect([...map.entries()].length).toBeLessThan(100);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('a lock in the name of one who has not taken it is damage', () => {
  const name = uniqueName('map');
  using map = openMap(name, { capacity: 10 });
  using region = Region.open(name, { kind: 'map' });
  let holder = 0;
  map.update('a', (value) => {
    holder = Atomics.load(region.words, lockWord);
    return value;
  });
  expect(holder).not.toBe(0);
  Atomics.store(region.words, lockWord, holder);
  expect(() => map.delete('a')).toThrow(coded('ERR_IPC_CORRUPT'));
});
