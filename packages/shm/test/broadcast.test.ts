import { Publisher, Region, Subscriber, type BroadcastOptions } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName, type Peer } from '@ipc/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/broadcast-peer.js', import.meta.url);
const lapping = { slots: 8, maxMessageBytes: 100, overflow: 'lap', lifetime: 'while-open' } as const;
const waiting = { ...lapping, overflow: 'wait' } as const;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value && Buffer.from(value).toString('latin1');
const code = (value: string): unknown => expect.objectContaining({ code: value });

function open(
  options: BroadcastOptions,
  name = uniqueName('broadcast'),
): { name: string; publisher: Publisher } {
  const publisher = Publisher.open(name, options);
  onTestFinished(() => publisher.close());
  return { name, publisher };
}

function subscribe(name: string, history = 0): Subscriber {
  const subscriber = Subscriber.open(name, { history });
  onTestFinished(() => subscriber.close());
  return subscriber;
}

async function peer(): Promise<Peer> {
  const started = await spawnPeer(worker);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

function received(subscriber: Subscriber): (string | undefined)[] {
  const all: (string | undefined)[] = [];
  subscriber.drain((message) => all.push(text(message)));
  return all;
}

describe.each([lapping, waiting])('overflow: $overflow', (options) => {
  test('every subscriber gets every message from when it came, in order', async () => {
    const { name, publisher } = open(options);
    const first = subscribe(name);
    await publisher.send(bytes('one'));
    const second = subscribe(name);
    await publisher.sendMany([bytes('two'), bytes(''), bytes('x'.repeat(100))]);
    expect(text(await first.receive())).toBe('one');
    expect(received(first)).toEqual(['two', '', 'x'.repeat(100)]);
    expect(received(second)).toEqual(['two', '', 'x'.repeat(100)]);
    expect(second.tryReceive()).toBeUndefined();
    expect([first.lapped, second.lapped]).toEqual([0, 0]);
    expect(publisher.subscribers).toBe(2);
  });

  test('those who come late get the last ones, as many as there are', async () => {
    const { name, publisher } = open(options);
    expect(received(subscribe(name, 8))).toEqual([]);
    for (const message of ['a', 'b', 'c']) await publisher.send(bytes(message));
    expect(received(subscribe(name, 2))).toEqual(['b', 'c']);
    expect(received(subscribe(name, 8))).toEqual(['a', 'b', 'c']);
    expect(() => Subscriber.open(name, { history: 9 })).toThrow(RangeError);
  });

  test('publishers of several processes are heard by all in one order; they come and go', async () => {
    const { name, publisher } = open({ ...options, slots: 1 << 14 });
    const [a, b] = [subscribe(name), subscribe(name)];
    const peers = [await peer(), await peer()];
    for (const each of peers) await each.call('publisher', name, { ...options, slots: 1 << 14 });
    const flights = peers.map((each) => each.call('publish', 2000, 8));
    for (let n = 0; n < 2000; n++) await publisher.send(bytes(`own ${n}`));
    await Promise.all(flights);
    for (const each of peers) await each.call('close');
    const heard = received(a);
    expect(heard.length).toBe(6000);
    expect(received(b)).toEqual(heard);
    expect(heard.filter((message) => message?.startsWith('own '))).toEqual(
      Array.from({ length: 2000 }, (_, n) => `own ${n}`),
    );
  });

  test('a sleeping subscriber is woken by a message from another process, on the event loop and blocked', async () => {
    const { name, publisher } = open(options);
    const other = await peer();
    await other.call('subscriber', name, { spinUs: 0 });
    for (const command of ['receive', 'receiveSync']) {
      const reply = other.call(command, 20_000);
      await asleep(name);
      await publisher.send(bytes(command));
      expect(await reply).toBe(command);
    }
    expect(await other.call('receiveSync', 1)).toBeUndefined();
  });

  test('a killed subscriber and a killed publisher hold nobody up, and make room for others', async () => {
    const { name, publisher } = open({ ...options, participants: 4 });
    const subscriber = subscribe(name);
    for (let round = 0; round < 3; round++) {
      const [reader, writer] = [await peer(), await peer()];
      await reader.call('subscriber', name, {});
      await writer.call('publisher', name, { ...options, participants: 4 });
      expect(() => Subscriber.open(name)).toThrow(code('ERR_IPC_LIMIT'));
      void writer.call('flood', 8);
      while (subscriber.tryReceive() === undefined);
      await Promise.all([reader.kill(), writer.kill()]);
      received(subscriber);
      for (let n = 0; n < 100; n++) {
        await publisher.send(bytes(`after ${n}`));
        expect(text(await subscriber.receive())).toBe(`after ${n}`);
      }
    }
    expect(publisher.subscribers).toBe(1);
  });

  test('a subscriber that sleeps hears of a message whose publisher was killed before it could ring', async () => {
    const { name } = open(options);
    const subscriber = Subscriber.open(name, { spinUs: 0 });
    onTestFinished(() => subscriber.close());
    const other = await peer();
    await other.call('publisher', name, options);
    const reply = subscriber.receive();
    await asleep(name);
    using region = Region.open(name, { kind: 'broadcast' });
    // What a publisher leaves that dies between commit and ring.
    const slot = 160 + 64 * 32;
    region.words[slot + 1] = 0;
    Atomics.store(region.words, slot, (0 << 10) | (2 << 8) | 3);
    Atomics.store(region.words, 0, 1);
    await other.kill();
    expect(text(await reply)).toBe('');
  });

  test('what a dead publisher was writing is left out', async () => {
    const { name, publisher } = open(options);
    const other = await peer();
    await other.call('publisher', name, options);
    const subscriber = subscribe(name);
    using region = Region.open(name, { kind: 'broadcast' });
    const number = participantOf(region, other.pid);
    const slot = 160 + 64 * 32;
    Atomics.store(region.words, slot, (0 << 10) | (1 << 8) | number); // claimed, and tail not yet moved on
    await publisher.send(bytes('behind'));
    expect(subscriber.tryReceive()).toBeUndefined();
    other.stop();
    const reply = subscriber.receive();
    for (let n = 0; n < 7; n++) publisher.trySend(bytes('more'));
    expect(publisher.trySend(bytes('over the claim of one who lives'))).toBe(false);
    await other.kill();
    expect(text(await reply)).toBe('behind');
    expect(received(subscriber)).toHaveLength(6);
    expect(publisher.trySend(bytes('again'))).toBe(true);
    expect(received(subscriber)).toEqual(['again']);
  });

  test('damage is ERR_IPC_CORRUPT; a closed end says so; other options are ERR_IPC_MISMATCH', async () => {
    const { name, publisher } = open(options);
    expect(() => Publisher.open(name, { ...options, slots: 16 })).toThrow(code('ERR_IPC_MISMATCH'));
    expect(() => Publisher.open(name, { ...options, slots: 12 })).toThrow(RangeError);
    expect(() => Publisher.open(name, { ...options, overflow: 'no' as 'lap' })).toThrow(TypeError);
    expect(() => Subscriber.open(uniqueName('none'))).toThrow(code('ERR_IPC_NOT_FOUND'));
    await expect(publisher.send(new Uint8Array(101))).rejects.toThrow(code('ERR_IPC_TOO_LARGE'));
    const subscriber = subscribe(name);
    await publisher.send(bytes('x'));
    using region = Region.open(name, { kind: 'broadcast' });
    region.words[160 + 64 * 32 + 1] = 101;
    await expect(subscriber.receive()).rejects.toThrow(code('ERR_IPC_CORRUPT'));
    await subscriber.close();
    expect(() => subscriber.tryReceive()).toThrow(code('ERR_IPC_CLOSED'));
    expect(() => subscriber.receiveSync()).toThrow(code('ERR_IPC_CLOSED'));
    region.words[128] = 7;
    expect(() => Subscriber.open(name)).toThrow(code('ERR_IPC_CORRUPT'));
  });
});

test('lap: a slow subscriber is told exactly how many messages it will not get', async () => {
  const { name, publisher } = open(lapping);
  const subscriber = subscribe(name);
  for (let round = 0, next = 0, sent = 0; round < 50; round++) {
    for (let n = 0; n < round; n++) await publisher.send(bytes(String(sent++)));
    const before = subscriber.lapped;
    const all = received(subscriber);
    next += subscriber.lapped - before;
    expect(all).toEqual(Array.from({ length: sent - next }, (_, n) => String(next + n)));
    expect(subscriber.lapped - before).toBe(round > 8 ? round - 6 : 0);
    next = sent;
  }
});

test('lap: history that is gone before it is read does not count as lapped', async () => {
  const { name, publisher } = open(lapping);
  for (let n = 0; n < 8; n++) await publisher.send(bytes(`old ${n}`));
  const subscriber = subscribe(name, 8);
  for (let n = 0; n < 4; n++) await publisher.send(bytes(`new ${n}`));
  expect(received(subscriber)).toEqual(['old 6', 'old 7', 'new 0', 'new 1', 'new 2', 'new 3']);
  expect(subscriber.lapped).toBe(0);
  for (let n = 0; n < 9; n++) await publisher.send(bytes(String(n)));
  expect(received(subscriber)).toHaveLength(6);
  expect(subscriber.lapped).toBe(3);
});

test('lap: under a publisher that never waits, messages are whole and the count is exact', async () => {
  const options = { ...lapping, slots: 8, maxMessageBytes: 100_000 }; // large, so that copies are often overtaken
  const { name, publisher } = open(options);
  const other = await peer();
  await other.call('subscriber', name, {});
  const reply = other.call('receiveMany', 100);
  const message = new Uint8Array(100_000);
  const flood = { over: false };
  void reply.finally(() => (flood.over = true));
  for (let number = 0; !flood.over; number++) {
    message.fill(number);
    new DataView(message.buffer).setUint32(0, number, true);
    publisher.trySend(message);
    if ((number & 0xff) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const { gaps, lapped } = (await reply) as { gaps: number; lapped: number };
  expect(lapped).toBe(gaps);
});

test('wait: a publisher waits for the slowest that lives, stopped or not, and loses nothing', async () => {
  const { name, publisher } = open(waiting);
  const slow = await peer();
  await slow.call('subscriber', name, {});
  const quick = subscribe(name);
  slow.stop();
  for (let n = 0; n < 8; n++) expect(publisher.trySend(bytes(String(n)))).toBe(true);
  expect(received(quick)).toHaveLength(8);
  expect(publisher.trySend(bytes('8'))).toBe(false);
  expect(publisher.sendSync(bytes('8'), { timeoutMs: 5 })).toBe(false);
  const sent = publisher.send(bytes('8'));
  slow.resume();
  for (let n = 0; n < 9; n++) expect(await slow.call('receive')).toBe(String(n));
  await sent;
  expect(text(await quick.receive())).toBe('8');
});

test('wait: a publisher that waits goes on when the one it waits for is killed, or leaves', async () => {
  for (const end of ['kill', 'close', 'blocked'] as const) {
    const { name, publisher } = open(waiting);
    const slow = await peer();
    await slow.call('subscriber', name, {});
    const other = await peer();
    await other.call('publisher', name, waiting);
    const sent = other.call(end === 'blocked' ? 'publishSync' : 'publish', 9, 8);
    await asleep(name);
    if (end === 'close') await slow.call('close');
    else await slow.kill();
    await sent;
    expect(publisher.subscribers).toBe(0);
  }
});

test('wait: trying again and again is enough to get past a subscriber that was killed', async () => {
  const { name, publisher } = open(waiting);
  const slow = await peer();
  await slow.call('subscriber', name, {});
  while (publisher.trySend(bytes('x')));
  await slow.kill();
  expect(publisher.trySend(bytes('y'))).toBe(true);
});

test('wait: no message is lost between processes, however the ends sleep', async () => {
  const { name } = open(waiting);
  const [writer, ...readers] = [await peer(), await peer(), await peer()] as const;
  for (const reader of readers) await reader.call('subscriber', name, {});
  await writer.call('publisher', name, waiting);
  const counts = readers.map((reader) => reader.call('receiveMany', 20_000));
  await writer.call('publish', 10_000, 8);
  await writer.call('publishSync', 10_000, 8);
  for (const count of counts) expect(await count).toMatchObject({ last: 9_999, lapped: 0 });
});

test('an aborted wait leaves both ends usable, and nothing keeps the process awake', async () => {
  const { name, publisher } = open(waiting);
  const subscriber = subscribe(name);
  await expect(subscriber.receive({ signal: AbortSignal.timeout(1) })).rejects.toThrow();
  for (let n = 0; n < 8; n++) publisher.trySend(bytes('x'));
  await expect(publisher.send(bytes('y'), { signal: AbortSignal.timeout(1) })).rejects.toThrow();
  expect(received(subscriber)).toHaveLength(8);
  await publisher.send(bytes('z'));
  expect(text(await subscriber.receive())).toBe('z');
});

/** Waits until somebody has announced to sleep. */
async function asleep(name: string): Promise<void> {
  using region = Region.open(name, { kind: 'broadcast' });
  const isAsleep = (): boolean => {
    for (let line = 160; line < 160 + 64 * 32; line += 32) {
      if (Atomics.load(region.words, line + 2) !== 0) return true;
    }
    return false;
  };
  while (!isAsleep()) await new Promise((resolve) => setImmediate(resolve));
}

function participantOf(region: Region, pid: number): number {
  for (let line = 160, number = 1; line < 160 + 64 * 32; line += 32, number++) {
    if (region.words[line + 1] === pid) return number;
  }
  throw new Error('no such participant');
}
