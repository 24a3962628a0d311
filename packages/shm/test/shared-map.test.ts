import { layout, SharedMap } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coded, contents, filled, mapOptions, mapPeer, openMap } from './maps.ts';

noLeaks();

test('what one sets, all get', () => {
  const name = uniqueName('map');
  using one = openMap(name);
  using two = openMap(name);
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
  using map = openMap(name, shape);
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
  expect(() => openMap(name, { ...shape, layout: other })).toThrow(coded('ERR_IPC_MISMATCH'));
});

test('update changes a value while nobody else can, or not at all', () => {
  using map = openMap(uniqueName('map'));
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
  using map = openMap(uniqueName('map'));
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
    expect(() => openMap(name, bad)).toThrow(RangeError);
  }
  using map = openMap(name);
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
  expect(() => openMap(name, { keyBytes: 13 })).toThrow(/keyBytes is 12, expected 13/);
});

test.each([1, 3, 1000])('a map of capacity %d holds so many, and says so when it is full', (capacity) => {
  using map = openMap(uniqueName('map'), { capacity });
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
      using map = openMap(uniqueName('map'), { capacity: 31 });
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

test('processes that add to the same number lose nothing', async () => {
  const name = uniqueName('map');
  using map = openMap(name);
  const peers = await Promise.all([1, 2, 3].map(() => spawnPeer(mapPeer)));
  await Promise.all(peers.map((peer) => peer.call('open', name, mapOptions)));
  await Promise.all(peers.map((peer) => peer.call('add', 'a', 20_000)));
  expect(map.add('a', 0)).toBe(60_000);
  await Promise.all(peers.map((peer) => peer.kill()));
});

test('large values are whole, too, while another process replaces them as fast as it can', async () => {
  const name = uniqueName('map');
  const shape = { ...mapOptions, valueBytes: 64 << 10 };
  using map = SharedMap.open(name, shape);
  await using peer = await spawnPeer(mapPeer);
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
  using map = openMap(name, { capacity: 60 });
  for (let i = 0; i < 20; i++) map.set(`stay${i}`, filled(i));
  await using peer = await spawnPeer(mapPeer);
  await peer.call('open', name, { ...mapOptions, capacity: 60 });
  void peer.call('churn', 3, 40);
  while (map.size === 20) await new Promise((resolve) => setImmediate(resolve));
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 20; i++) if (!map.has(`stay${i}`)) throw new Error(`missed stay${i}`);
    const staying = [...map.entries()].filter(({ key }) => key.startsWith('stay'));
    expect(staying.length).toBe(20);
  }
  await peer.kill();
});

test('a closed map says so', () => {
  const map = openMap(uniqueName('map'));
  map.close();
  map.close();
  for (const use of [() => map.get('a'), () => map.delete('a'), () => map.size, () => [...map.entries()]]) {
    expect(use).toThrow(coded('ERR_IPC_CLOSED'));
  }
});
