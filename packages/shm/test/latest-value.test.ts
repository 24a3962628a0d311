import { LatestReader, LatestWriter, Region } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/latest-peer.js', import.meta.url);
const options = { maxBytes: 1000, lifetime: 'while-open' } as const;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);

test('readers see the latest value, and whether it is new', () => {
  const name = uniqueName('latest');
  using writer = LatestWriter.open(name, options);
  using reader = LatestReader.open(name);
  expect(reader.read()).toBeUndefined();
  expect(reader.changed).toBe(false);
  for (const value of ['one', 'two', '', 'x'.repeat(1000), 'five', 'six']) {
    writer.publish(bytes(value));
    expect(reader.changed).toBe(true);
    expect(text(reader.read())).toBe(value);
    expect(reader.changed).toBe(false);
    expect(text(reader.read())).toBe(value);
  }
  using late = LatestReader.open(name);
  expect(text(late.read())).toBe('six');
  expect(() => {
    writer.publish(new Uint8Array(1001));
  }).toThrow(expect.objectContaining({ code: 'ERR_IPC_TOO_LARGE' }));
});

test('one writer at a time; the next goes on where a killed one stopped', async () => {
  const name = uniqueName('latest');
  await using peer = await spawnPeer(worker);
  await peer.call('open', name, 1000);
  await peer.call('publish', 'last words');
  using reader = LatestReader.open(name);
  expect(() => LatestWriter.open(name, options)).toThrow(expect.objectContaining({ code: 'ERR_IPC_EXISTS' }));
  expect(() => LatestWriter.open(name, { ...options, maxBytes: 10 })).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }),
  );
  await peer.kill();
  expect(text(reader.read())).toBe('last words');
  using writer = LatestWriter.open(name, options);
  writer.publish(bytes('next'));
  expect(text(reader.read())).toBe('next');
});

test('values are never torn, and neither a stopped nor a killed writer holds a reader up', async () => {
  for (const length of [64, 1000]) {
    const name = uniqueName('latest');
    await using peer = await spawnPeer(worker);
    await peer.call('open', name, 1000);
    await peer.call('publish', '');
    using reader = LatestReader.open(name);
    void peer.call('flood', length).catch(() => undefined);
    while (reader.read()?.length === 0);
    const whole = (): void => {
      const value = reader.read() as Uint8Array;
      expect(value.length).toBe(length);
      if (value.some((byte) => byte !== value[0])) throw new Error('torn');
    };
    for (let i = 0; i < 20_000; i++) whole();
    peer.stop();
    for (let i = 0; i < 100; i++) whole();
    peer.resume();
    for (let i = 0; i < 100; i++) whole();
    await peer.kill();
    whole();
  }
});

test('a blocked reader in another process is woken by the next value', async () => {
  const name = uniqueName('latest');
  await using peer = await spawnPeer(worker);
  using writer = LatestWriter.open(name, options);
  writer.publish(bytes('old'));
  const woken = peer.call('waitSync', name);
  using region = Region.open(name, { kind: 'latest' });
  while (Atomics.load(region.words, 32) === 0) await new Promise((resolve) => setImmediate(resolve)); // it sleeps
  writer.publish(bytes('new'));
  expect(await woken).toBe('new');
});

test('waiting ends with its time', () => {
  const name = uniqueName('latest');
  using writer = LatestWriter.open(name, options);
  using reader = LatestReader.open(name);
  expect(reader.waitSync({ timeoutMs: 1 })).toBe(false);
  writer.publish(bytes('x'));
  expect(reader.waitSync({ timeoutMs: 1 })).toBe(true);
});

test('damaged memory is ERR_IPC_CORRUPT; a closed end says so', () => {
  const name = uniqueName('latest');
  using writer = LatestWriter.open(name, options);
  const reader = LatestReader.open(name);
  using region = Region.open(name, { kind: 'latest' });
  const slot = (256 + 1024) >> 2;
  for (const [word, value] of [
    [slot, 99],
    [slot + 1, -1],
    [slot + 1, 1001],
  ] as const) {
    writer.publish(bytes('a'));
    writer.publish(bytes('b'));
    writer.publish(bytes('c'));
    writer.publish(bytes('d'));
    while ((Atomics.load(region.words, 0) & 3) !== 1) writer.publish(bytes('e'));
    region.words[word] = value;
    expect(() => reader.read()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
  }
  region.words[1] = 5;
  expect(() => LatestReader.open(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
  reader.close();
  expect(() => reader.read()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  writer.close();
  expect(() => {
    writer.publish(bytes('x'));
  }).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
});
