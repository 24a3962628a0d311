import { layout, Region, SharedMap, type SharedMapOptions } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/map-peer.js', import.meta.url);
const options = { capacity: 100, keyBytes: 12, valueBytes: 20, lifetime: 'while-open' } as const;
/** The lock of the first segment. */
const lockWord = 1152 >> 2;
const coded = (code: string): unknown => expect.objectContaining({ code });
const filled = (byte: number, length = 20): Uint8Array => new Uint8Array(length).fill(byte);
const open = (name: string, more?: Partial<SharedMapOptions>): SharedMap =>
  SharedMap.open(name, { ...options, ...more });

/** Everything in a map; each value must be of one byte. */
function contents(map: SharedMap): Map<string, number> {
  const found = new Map<string, number>();
  for (const { key, value } of map.entries()) {
    expect(found.has(key)).toBe(false);
    expect(value.every((byte) => byte === value[0])).toBe(true);
    expect(map.get(key)).toEqual(value);
    found.set(key, value[0] as number);
  }
  expect(map.size).toBe(found.size);
  return found;
}

test('what one sets, all get', () => {
  const name = uniqueName('map');
  using one = open(name);
  using two = open(name);
  expect(two.get('a')).toBeUndefined();
  one.set('a', filled(1));
  one.set('grüße', filled(2));
  two.set(Uint8Array.of(0, 255), filled(3));
  expect(two.get('a')).toEqual(filled(1));
  const target = new Uint8Array(24);
  expect(two.getInto('grüße', target, 4)).toBe(true);
  expect(target).toEqual(Uint8Array.of(0, 0, 0, 0, ...filled(2)));
  expect(two.getInto('b', target)).toBe(false);
  expect(one.get(Uint8Array.of(0, 255, 0))).toEqual(filled(3)); // padded with zeros
  one.set('a', filled(4));
  expect(two.get('a')).toEqual(filled(4));
  expect([...two.entries()].map(({ key }) => key)).toContain('grüße');
  expect(two.delete('a')).toBe(true);
  expect(two.delete('a')).toBe(false);
  expect(one.has('a')).toBe(false);
  expect(one.size).toBe(2);
});

test('numbers in values are added to; typed layouts say where', () => {
  const limit = layout({ count: 'u32', tokens: 'f64', total: 'i64', balance: 'i32' });
  const shape = { valueBytes: limit.bytes, layout: limit };
  const name = uniqueName('map');
  using map = open(name, shape);
  const { offsets } = limit;
  expect(map.add('a', 2, { offset: offsets.count, type: 'u32' })).toBe(2);
  expect(map.add('a', 0.5, { offset: offsets.tokens })).toBe(0.5);
  expect(map.add('a', -1.5, { offset: offsets.tokens })).toBe(-1);
  expect(map.add('a', 2 ** 40, { offset: offsets.total, type: 'i64' })).toBe(2 ** 40);
  expect(map.add('a', -7, { offset: offsets.balance, type: 'i32' })).toBe(-7);
  const bytes = map.get('a') as Uint8Array;
  const struct = limit.at(new DataView(bytes.slice().buffer));
  expect([struct.count, struct.tokens, struct.total, struct.balance]).toEqual([2, -1, 2n ** 40n, -7]);
  expect(() => map.add('a', 1, { offset: limit.bytes - 4 })).toThrow(RangeError);
  expect(() => map.add('b', 0.5, { type: 'i64' })).toThrow(RangeError);
  expect(map.has('b')).toBe(false);
  const other = layout({ count: 'u32', tokens: 'f64', total: 'i64', balance: 'u32' });
  expect(() => open(name, { ...shape, layout: other })).toThrow(coded('ERR_IPC_MISMATCH'));
});

test('update changes a value while nobody else can, or not at all', () => {
  using map = open(uniqueName('map'));
  expect(map.update('a', (value, isNew) => value.fill(isNew ? 1 : 9))).toBe(true);
  expect(map.update('a', (value, isNew) => value.fill((value[0] ?? 0) + (isNew ? 5 : 1)))).toBe(true);
  expect(map.get('a')).toEqual(filled(2));
  expect(
    map.update('a', (value) => {
      value.fill(9);
      return false;
    }),
  ).toBe(false);
  expect(() =>
    map.update('a', (value) => {
      value.fill(9);
      throw new Error('no');
    }),
  ).toThrow('no');
  for (const use of [() => map.get('a'), () => map.delete('a'), () => [...map.entries()]]) {
    expect(() => map.update('a', use)).toThrow(TypeError);
  }
  expect(map.get('a')).toEqual(filled(2));
});

test('of a longer key that was asked for before, nothing is left: ASCII, other text, bytes, and what was too long', () => {
  using map = open(uniqueName('map'));
  const keys = ['abcdefghijkl', 'äöüäöü', Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)];
  const short = ['a', 'ä', Uint8Array.of(1)];
  for (const key of short) map.set(key, filled(1));
  for (const long of keys) {
    for (const key of short) {
      expect(map.has(long)).toBe(false);
      expect(map.has(key)).toBe(true);
      expect(() => map.has('abcdefghijkü')).toThrow(RangeError); // a byte too long, which only shows at its end
      expect(map.has(key)).toBe(true);
    }
  }
});

test('bad arguments are refused and change nothing', () => {
  const name = uniqueName('map');
  for (const bad of [{ capacity: 0 }, { keyBytes: 1025 }, { valueBytes: 0.5 }, { timeoutMs: NaN }]) {
    expect(() => open(name, bad)).toThrow(RangeError);
  }
  using map = open(name);
  map.set('abcdefghijkl', filled(1));
  for (const key of ['abcdefghijklm', 'ääääääé', new Uint8Array(13)]) {
    expect(() => map.get(key)).toThrow(RangeError);
  }
  expect(() => map.get(5 as unknown as string)).toThrow(TypeError);
  expect(() => {
    map.set('a', filled(1, 19));
  }).toThrow(RangeError);
  expect(() => map.getInto('abcdefghijkl', new Uint8Array(19))).toThrow(RangeError);
  expect(contents(map)).toEqual(new Map([['abcdefghijkl', 1]]));
  expect(() => open(name, { keyBytes: 13 })).toThrow(/keyBytes is 12, expected 13/);
});

test.each([1, 3, 1000])('a map of capacity %d holds so many, and says so when it is full', (capacity) => {
  using map = open(uniqueName('map'), { capacity });
  for (let i = 0; i < capacity; i++) map.set(`k${i}`, filled(i & 0xff));
  expect(() => {
    map.set('more', filled(1));
  }).toThrow(coded('ERR_IPC_LIMIT'));
  expect(() => map.add('more', 1)).toThrow(/its capacity is \d+ and 1 more is needed/);
  map.set('k0', filled(77));
  expect(contents(map).size).toBe(capacity);
  map.delete('k0');
  map.set('more', filled(1));
  expect(map.get('more')).toEqual(filled(1));
});

test('does what a Map does, for any changes', () => {
  const key = fc.integer({ min: 0, max: 30 }).map((n) => `k${n}`);
  const change = fc.record({ key, byte: fc.option(fc.integer({ min: 0, max: 255 })) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      using map = open(uniqueName('map'), { capacity: 31 });
      const model = new Map<string, number>();
      for (const { key, byte } of changes) {
        if (byte === null) expect(map.delete(key)).toBe(model.delete(key));
        else {
          map.set(key, filled(byte));
          model.set(key, byte);
        }
      }
      expect(contents(map)).toEqual(model);
    }),
    { numRuns: 60, seed: 1 },
  );
});

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
  using reader = open(name, { capacity: 22 });
  using writer = open(name, { capacity: 22 });
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
      using map = open(name, { capacity: 22 });
      for (const [key, byte] of expected) map.set(key, filled(byte));
      const before = contents(map);
      died = dieAt(steps, open(name, { capacity: 22 }), change);
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
    using map = open(name, { capacity: 10 });
    map.set('a', filled(1));
    await using peer = await spawnPeer(worker);
    await peer.call('open', name, { ...options, capacity: 10 });
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
    const shape = { ...options, capacity: 200, valueBytes: 100 };
    using map = SharedMap.open(name, shape);
    await using steady = await spawnPeer(worker);
    await steady.call('open', name, shape);
    void steady.call('churn', 7, 150);
    for (let round = 0; round < 8; round++) {
      await using peer = await spawnPeer(worker);
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
  using map = open(name, { capacity: 10, timeoutMs: 30 });
  map.set('a', filled(1));
  await using peer = await spawnPeer(worker);
  await peer.call('open', name, { ...options, capacity: 10 });
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

test('processes that add to the same number lose nothing', async () => {
  const name = uniqueName('map');
  using map = open(name);
  const peers = await Promise.all([1, 2, 3].map(() => spawnPeer(worker)));
  await Promise.all(peers.map((peer) => peer.call('open', name, options)));
  await Promise.all(peers.map((peer) => peer.call('add', 'a', 20_000)));
  expect(map.add('a', 0)).toBe(60_000);
  await Promise.all(peers.map((peer) => peer.kill()));
});

test('large values are whole, too, while another process replaces them as fast as it can', async () => {
  const name = uniqueName('map');
  const shape = { ...options, valueBytes: 64 << 10 };
  using map = SharedMap.open(name, shape);
  await using peer = await spawnPeer(worker);
  await peer.call('open', name, shape);
  void peer.call('churn', 1, 1);
  const target = new Uint8Array(shape.valueBytes);
  for (let whole = 0; whole < 300;) {
    if (!map.getInto('k0', target)) continue;
    const [first, last] = [target[0], target.at(-1)];
    if (first !== last || target.some((byte) => byte !== first)) throw new Error('torn');
    whole++;
  }
  await peer.kill();
});

test('entries that stay are never missed while others move them about', async () => {
  const name = uniqueName('map');
  using map = open(name, { capacity: 60 });
  for (let i = 0; i < 20; i++) map.set(`stay${i}`, filled(i));
  await using peer = await spawnPeer(worker);
  await peer.call('open', name, { ...options, capacity: 60 });
  void peer.call('churn', 3, 40);
  while (map.size === 20) await new Promise((resolve) => setImmediate(resolve));
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 20; i++) if (!map.has(`stay${i}`)) throw new Error(`missed stay${i}`);
    const staying = [...map.entries()].filter(({ key }) => key.startsWith('stay'));
    expect(staying.length).toBe(20);
  }
  await peer.kill();
});

test('whatever the memory holds, calls end, and stay inside', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2000, maxLength: 2000 }), fc.nat(5), (noise, spread) => {
      const name = uniqueName('map');
      using map = open(name, { capacity: 10, timeoutMs: 0 });
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
  using map = open(name, { capacity: 10 });
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

test('a closed map says so', () => {
  const map = open(uniqueName('map'));
  map.close();
  map.close();
  for (const use of [() => map.get('a'), () => map.delete('a'), () => map.size, () => [...map.entries()]]) {
    expect(use).toThrow(coded('ERR_IPC_CLOSED'));
  }
});
