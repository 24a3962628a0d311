import { waitAny } from '@ipc/core';
import { LatestReader, LatestWriter, Region } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/latest-peer.js', import.meta.url);
const options = { maxBytes: 1000, lifetime: 'while-open' } as const;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits until a reader has announced to sleep. */
async function asleep(name: string): Promise<void> {
  using region = Region.open(name, { kind: 'latest' });
  const first = (256 + 4 * 1024) >> 2;
  const isAsleep = (): boolean => {
    for (let line = first; line < first + 16 * 32; line += 32) {
      if (Atomics.load(region.words, line + 2) !== 0) return true;
    }
    return false;
  };
  while (!isAsleep()) await nextTurn();
}

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

test('a value is read into memory that is there already', () => {
  const name = uniqueName('latest');
  using writer = LatestWriter.open(name, options);
  using reader = LatestReader.open(name);
  const target = new Uint8Array(1001);
  expect(reader.readInto(target)).toBeUndefined();
  for (const value of ['one', '', 'x'.repeat(1000), 'four']) {
    writer.publish(bytes(value));
    target.fill(0);
    expect(reader.readInto(target)).toBe(value.length);
    expect(text(target.subarray(0, value.length))).toBe(value);
    expect(target[value.length]).toBe(0);
    expect(reader.changed).toBe(false);
  }
  expect(() => reader.readInto(new Uint8Array(999))).toThrow(RangeError);
});

test('readers wait on the event loop, asleep or not, for what they have not read yet', async () => {
  const name = uniqueName('latest');
  using writer = LatestWriter.open(name, options);
  using reader = LatestReader.open(name);
  using sleeper = LatestReader.open(name, { spinUs: 0 });
  for (let n = 0; n < 20; n++) {
    const [value, ready, any] = [reader.next(), sleeper.ready(), waitAny([sleeper])];
    if (n % 2 === 0) await nextTurn(); // asleep
    writer.publish(bytes(`${n}`));
    expect(text(await value)).toBe(`${n}`);
    await ready;
    expect(await any).toBe(0);
    expect(sleeper.changed).toBe(true);
    expect(text(await sleeper.next())).toBe(`${n}`); // at once
    expect(reader.changed || sleeper.changed).toBe(false);
  }
  const [first, second] = [reader.next(), reader.next()];
  writer.publish(bytes('a'));
  writer.publish(bytes('b'));
  expect(text(await first)).toBe('b');
  writer.publish(bytes('c'));
  expect(text(await second)).toBe('c');
});

test('waiting on the event loop ends with its signal, the end and the limit of participants', async () => {
  const name = uniqueName('latest');
  using _writer = LatestWriter.open(name, { ...options, participants: 1 });
  const reader = LatestReader.open(name);
  using other = LatestReader.open(name);
  const [reason, aborting] = [new Error('no'), new AbortController()];
  const aborted = reader.next({ signal: aborting.signal });
  aborting.abort(reason);
  await expect(aborted).rejects.toBe(reason);
  await expect(reader.ready({ signal: aborting.signal })).rejects.toBe(reason);
  await expect(other.next()).rejects.toThrow(expect.objectContaining({ code: 'ERR_IPC_LIMIT' }));
  const never = reader.next();
  reader.close();
  await expect(never).rejects.toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  await expect(reader.ready()).rejects.toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  await other.next({ signal: AbortSignal.timeout(1) }).catch((error: unknown) => {
    expect(error).toMatchObject({ name: 'TimeoutError' }); // there is room for it now
  });
  for (const participants of [-1, 0.5, 256])
    expect(() => LatestWriter.open(uniqueName('latest'), { ...options, participants })).toThrow(RangeError);
  expect(() => LatestWriter.open(name, options)).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }),
  );
});

test('a sleeping reader in another process is woken by every value, also by that of the next writer', async () => {
  const name = uniqueName('latest');
  const first = LatestWriter.open(name, options);
  using holder = LatestReader.open(name);
  first.close();
  await using peer = await spawnPeer(worker);
  await peer.call('read', name);
  for (let writers = 0; writers < 3; writers++) {
    using writer = LatestWriter.open(name, options);
    for (let n = 0; n < 10; n++) {
      const next = peer.call('next');
      await asleep(name);
      writer.publish(bytes(`${writers}.${n}`));
      expect(await next).toBe(`${writers}.${n}`);
    }
  }
  const killed = peer.call('next').catch(() => 'killed');
  await asleep(name);
  await peer.kill();
  expect(await killed).toBe('killed');
  using writer = LatestWriter.open(name, options); // rings in vain
  writer.publish(bytes('still there'));
  expect(text(holder.read())).toBe('still there');
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
  for (const [word, value] of [
    [1, 5],
    [2, 17],
    [2, -1],
  ] as const) {
    const before = region.words[word] as number;
    region.words[word] = value;
    expect(() => LatestReader.open(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
    region.words[word] = before;
  }
  LatestReader.open(name).close();
  reader.close();
  expect(() => reader.read()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  writer.close();
  expect(() => {
    writer.publish(bytes('x'));
  }).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
});
