import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Counters, CountersReader, Region } from '@ipc/shm';
import { noLeaks, python, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/counters-peer.js', import.meta.url);
const options = { lifetime: 'while-open' } as const;
const coded = (code: string): unknown => expect.objectContaining({ code });

test('counters count, gauges can be set, and a reader sees both by name', () => {
  const name = uniqueName('counters');
  using counters = Counters.open(name, options);
  using reader = CountersReader.open(name);
  const requests = counters.counter('requests');
  const memory = counters.gauge('memory: größte Menge');
  requests.increment();
  requests.add(41);
  expect(memory.set(100)).toBe(0);
  expect(memory.set(-7)).toBe(100);
  memory.add(-3);
  expect(requests.value).toBe(42);
  expect(reader.list()).toEqual([
    { name: 'requests', type: 'counter', value: 42 },
    { name: 'memory: größte Menge', type: 'gauge', value: -10 },
  ]);
  expect(reader.get('requests')).toBe(42);
  expect(reader.get('other')).toBeUndefined();
  expect(counters.counter('requests')).toBe(requests);
  requests.add(Number.MAX_SAFE_INTEGER);
  requests.add(Number.MAX_SAFE_INTEGER);
  expect(requests.valueBigInt).toBe(2n ** 54n + 40n);
});

test('bad arguments are refused before anything is claimed', () => {
  const name = uniqueName('counters');
  expect(() => Counters.open(name, { capacity: 0 })).toThrow(RangeError);
  using counters = Counters.open(name, options);
  for (const bad of ['', '\ud800', 5 as unknown as string])
    expect(() => counters.counter(bad)).toThrow(TypeError);
  expect(() => counters.counter('ü'.repeat(57))).toThrow(RangeError);
  expect(counters.list()).toEqual([]);
  const longest = counters.counter('ü'.repeat(56));
  for (const bad of [0.5, NaN, 2 ** 53]) {
    expect(() => {
      longest.add(bad);
    }).toThrow(RangeError);
  }
  expect(() => counters.gauge('ü'.repeat(56))).toThrow(coded('ERR_IPC_MISMATCH'));
  expect(() => Counters.open(name, { capacity: 257 })).toThrow(coded('ERR_IPC_MISMATCH'));
  expect(() => CountersReader.open(uniqueName('none'))).toThrow(coded('ERR_IPC_NOT_FOUND'));
});

test('a full table says what to do, and its counters go on', () => {
  const name = uniqueName('counters');
  using counters = Counters.open(name, { ...options, capacity: 3 });
  for (const each of ['a', 'b', 'c']) counters.counter(each).increment();
  expect(() => counters.counter('d')).toThrow(/all 3 counters .* capacity/);
  using other = Counters.open(name);
  expect(() => other.counter('d')).toThrow(coded('ERR_IPC_LIMIT'));
  expect(other.counter('c').value).toBe(1);
});

test('of processes that create the same names at once, all count in the same slots, and nothing is lost', async () => {
  const name = uniqueName('counters');
  using counters = Counters.open(name, { ...options, capacity: 40 });
  const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
  const peers = await Promise.all([1, 2, 3].map(() => spawnPeer(worker)));
  await Promise.all(peers.map((peer) => peer.call('open', name, options)));
  // Each in another order, so that they meet at the end of the directory.
  await Promise.all(
    peers.map((peer, i) => peer.call('count', [...names.slice(i), ...names.slice(0, i)], 5000)),
  );
  const list = counters.list();
  expect(list.map((each) => each.name).sort()).toEqual(names.sort());
  expect(new Set(list.map(({ value }) => value))).toEqual(new Set([15_000]));
  await Promise.all(peers.map((peer) => peer.kill()));
});

test('a slot that a process half claimed is free again when it dies, and in nobody’s way while it lives', async () => {
  const name = uniqueName('counters');
  using counters = Counters.open(name, { ...options, capacity: 2 });
  await using peer = await spawnPeer(worker);
  const slot = (index: number): number => 256 + index * 256;
  expect(await peer.call('claimHalf', name, 0, slot(0))).toBe(true);
  counters.counter('first').increment();
  await peer.kill();
  counters.counter('second').increment();
  expect(counters.list().map((each) => each.name)).toEqual(['first', 'second']);
  using region = Region.open(name, { kind: 'counters' });
  expect([...region.words.subarray(32, 34)]).toEqual([2, 1]); // the first took slot 1, the second took slot 0
});

test('killed at any moment, a process leaves whole counters and no lost slots', async () => {
  const name = uniqueName('counters');
  const capacity = 1000;
  using counters = Counters.open(name, { ...options, capacity });
  for (let round = 0; round < 5; round++) {
    await using peer = await spawnPeer(worker);
    await peer.call('open', name, options);
    const before = counters.list().length;
    void peer.call('claim', `round ${round}, `); // until it is killed, or the table is full
    while (counters.list().length < before + 5) await new Promise((resolve) => setImmediate(resolve));
    await peer.kill();
  }
  const list = counters.list();
  expect(new Set(list.map((each) => each.name)).size).toBe(list.length);
  for (const { name: each, value } of list) {
    expect(each).toMatch(/^round \d, \d+$/);
    expect([0, 1]).toContain(value);
  }
  for (let i = list.length; i < capacity; i++) counters.counter(`rest ${i}`);
  expect(counters.list().length).toBe(capacity);
});

test('damage is ERR_IPC_CORRUPT; closed counters say so', () => {
  const name = uniqueName('counters');
  using region = Region.create(name, { ...options, kind: 'counters', bytes: 256 + 20 * 256 });
  region.words[0] = 4;
  const counters = Counters.open(name);
  using reader = CountersReader.open(name);
  const counter = counters.counter('a');
  for (const [word, bad] of [
    [32, 99],
    [32, -1],
    [(256 + 128) >> 2, 3],
    [(256 + 132) >> 2, 113],
    [(256 + 132) >> 2, -1],
  ] as const) {
    const good = region.words[word] as number;
    region.words[word] = bad;
    expect(() => reader.list()).toThrow(coded('ERR_IPC_CORRUPT'));
    region.words[word] = good;
  }
  expect(reader.list()).toHaveLength(1);
  region.words[0] = 5;
  expect(() => CountersReader.open(name)).toThrow(coded('ERR_IPC_CORRUPT'));
  counters.close();
  expect(() => {
    counter.increment();
  }).toThrow(coded('ERR_IPC_CLOSED'));
  expect(() => counters.counter('a')).toThrow(coded('ERR_IPC_CLOSED'));
  expect(() => counters.list()).toThrow(coded('ERR_IPC_CLOSED'));
});

test('counters.json: what lies in memory, written and read', () => {
  const { bytes, parts, list } = JSON.parse(
    readFileSync(new URL('../../../docs/wire-formats/counters.json', import.meta.url), 'utf8'),
  ) as {
    bytes: number;
    parts: readonly { at: number; hex: string }[];
    list: readonly { name: string; type: 'counter' | 'gauge'; value: number }[];
  };
  const memory = new Uint8Array(bytes);
  for (const { at, hex } of parts) memory.set(Buffer.from(hex, 'hex'), at);

  const [read, written] = [uniqueName('vector'), uniqueName('vector')];
  using given = Region.create(read, { ...options, kind: 'counters', bytes });
  given.bytesView.set(memory);
  using counters = Counters.open(read);
  expect(counters.list()).toEqual(list);

  using made = Counters.open(written, { ...options, capacity: 2 });
  for (const { name, type, value } of list) made[type](name).add(value);
  using region = Region.open(written, { kind: 'counters' });
  expect(Buffer.compare(region.bytesView, memory)).toBe(0);
});

test('Python reads and counts by the document', (context) => {
  context.skip(python === undefined, 'no Python 3');
  const name = uniqueName('python');
  using counters = Counters.open(name, { ...options, capacity: 2 });
  const counter = counters.counter('from anywhere');
  counter.add(2 ** 33);
  const output = execFileSync(
    python ?? '',
    [
      '-c',
      `
import mmap, struct, sys
with open(sys.argv[1], 'r+b') as file:
    memory = mmap.mmap(file.fileno(), 0)
assert memory[:4] == b'IPCR' and memory[16:24] == b'counters'
slot = 128 + 256 + 256 * (struct.unpack_from('<I', memory, 128 + 128)[0] - 1)
length, = struct.unpack_from('<I', memory, slot + 132)
value, = struct.unpack_from('<q', memory, slot)
struct.pack_into('<q', memory, slot, value + 1)
print(memory[slot + 136:slot + 136 + length].decode(), value)
`,
      `/dev/shm/ipc-${name}.counters`,
    ],
    { encoding: 'utf8' },
  );
  expect(output).toBe('from anywhere 8589934592\n');
  expect(counter.value).toBe(2 ** 33 + 1);
});
