import { Consumer, Producer, Region } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName, type Peer } from '@ipc/testkit';
import { expect, onTestFinished, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/queue-peer.js', import.meta.url);
const options = { slots: 8, maxMessageBytes: 100, lifetime: 'while-open' } as const;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value && Buffer.from(value).toString('latin1');
const code = (value: string): unknown => expect.objectContaining({ code: value });
const goodbye = new Uint8Array(8);
/** Index of the word that says how many messages there have been. */
const tail = 0;

function open(name = uniqueName('queue')): { name: string; producer: Producer } {
  const producer = Producer.open(name, options);
  onTestFinished(() => producer.close());
  return { name, producer };
}

function consume(name: string): Consumer {
  const consumer = Consumer.open(name);
  onTestFinished(() => consumer.close());
  return consumer;
}

async function peer(): Promise<Peer> {
  const started = await spawnPeer(worker);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

test('each message goes to one consumer, in order, and a full queue waits', async () => {
  const { name, producer } = open();
  const [a, b] = [consume(name), consume(name)];
  expect(producer.consumers).toBe(2);
  for (let lap = 0; lap < 5; lap++) {
    for (let n = 0; n < 8; n++) expect(producer.trySend(bytes(`${lap}.${n}`))).toBe(true);
    expect(producer.trySend(bytes('over'))).toBe(false);
    expect(producer.sendSync(bytes('over'), { timeoutMs: 1 })).toBe(false);
    for (let n = 0; n < 8; n += 2) {
      expect(text(a.tryReceive())).toBe(`${lap}.${n}`);
      expect(text(await b.receive())).toBe(`${lap}.${n + 1}`);
    }
    expect(a.tryReceive()).toBeUndefined();
    expect(b.receiveSync({ timeoutMs: 1 })).toBeUndefined();
  }
});

test('many producers and consumers in processes of their own: exactly once, and in order for each producer', async () => {
  const { name, producer } = open();
  const producers = [await peer(), await peer()];
  const consumers = [await peer(), await peer()];
  for (const each of producers) await each.call('producer', name, options);
  for (const each of consumers) await each.call('consumer', name, {});
  const taken = consumers.map((each, index) => each.call(index === 0 ? 'takeAll' : 'takeAllSync'));
  await Promise.all(
    producers.map((each, index) => each.call(index === 0 ? 'send' : 'sendSync', index + 1, 10_000)),
  );
  await producer.sendMany([goodbye, goodbye]);
  const all = (await Promise.all(taken)) as [number, number][][];
  for (const id of [1, 2]) {
    for (const each of all) {
      const numbers = each.filter(([from]) => from === id).map(([, number]) => number);
      expect(numbers).toEqual([...numbers].sort((x, y) => x - y));
    }
    const numbers = all.flat().filter(([from]) => from === id).map(([, number]) => number); // prettier-ignore
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers.length).toBe(10_000);
  }
});

test('killed producers and consumers hold nobody up; each has at most the message it was at', async () => {
  const { name, producer } = open();
  const keeper = await peer();
  await keeper.call('consumer', name, {});
  const taken = keeper.call('takeAll');
  let floods = 0;
  for (let round = 0; round < 5; round++) {
    const [writer, reader] = [await peer(), await peer()];
    await writer.call('producer', name, options);
    await reader.call('consumer', name, {});
    void writer.call('flood', ++floods);
    void reader.call('devour');
    for (let n = 0; n < 200; n++) await producer.send(new Uint8Array(Uint32Array.of(99, n).buffer));
    await Promise.all([writer.kill(), reader.kill()]);
  }
  await producer.send(goodbye);
  const all = (await taken) as [number, number][];
  for (let id = 1; id <= floods; id++) {
    const numbers = all.filter(([from]) => from === id).map(([, number]) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
  }
  expect(producer.consumers).toBe(1);
});

test('what a dead producer was writing is left out; what a dead consumer was taking, another gets', async () => {
  const { name, producer } = open();
  const consumer = consume(name);
  const dying = await peer();
  await dying.call('producer', name, options);
  using region = Region.open(name, { kind: 'mpmc' });
  const number = participantOf(region, dying.pid);
  const slots = 160 + 64 * 32;
  const slotWords = 128 >> 2;
  for (const message of ['a', 'b', 'c', 'd']) producer.trySend(bytes(message));
  expect(text(consumer.tryReceive())).toBe('a');
  // Killed while it took b, before and after head moved on; and while it wrote the fifth.
  Atomics.store(region.words, slots + slotWords, (3 << 8) | number);
  Atomics.store(region.words, 32, 2);
  Atomics.store(region.words, slots + 4 * slotWords, (1 << 8) | number);
  expect(producer.trySend(bytes('f'))).toBe(true);
  expect(text(consumer.tryReceive())).toBe('c');
  expect(text(consumer.tryReceive())).toBe('d');
  expect(consumer.tryReceive()).toBeUndefined();
  const [next, last] = [consumer.receive(), consumer.receive()];
  await dying.kill();
  expect([text(await next), text(await last)].sort()).toEqual(['b', 'f']);
  for (let lap = 0; lap < 30; lap++) {
    await producer.send(bytes(String(lap)));
    expect(text(await consumer.receive())).toBe(String(lap));
  }
});

test('a message that was being taken when head had not moved on is there again', async () => {
  const { name, producer } = open();
  const consumer = consume(name);
  const dying = await peer();
  await dying.call('consumer', name, {});
  using region = Region.open(name, { kind: 'mpmc' });
  producer.trySend(bytes('a'));
  Atomics.store(region.words, 160 + 64 * 32, (3 << 8) | participantOf(region, dying.pid));
  const next = consumer.receive();
  await dying.kill();
  expect(text(await next)).toBe('a');
  expect(consumer.tryReceive()).toBeUndefined();
});

test('a producer and a consumer that sleep are woken from another process', async () => {
  const { name, producer } = open();
  const other = await peer();
  await other.call('consumer', name, { spinUs: 0 });
  for (const command of ['takeAll', 'takeAllSync']) {
    const taken = other.call(command);
    await asleep(name);
    await producer.send(goodbye);
    expect(await taken).toEqual([]);
  }
  await other.call('producer', name, options);
  for (const command of ['send', 'sendSync']) {
    const sent = other.call(command, 1, 9);
    await asleep(name);
    const consumer = consume(name);
    for (let n = 0; n < 9; n++) await consumer.receive();
    await sent;
    await consumer.close();
  }
});

test('blocking calls serve those first who wait on the event loop already', async () => {
  const { name, producer } = open();
  const consumer = consume(name);
  const received = consumer.receive();
  producer.trySend(bytes('first'));
  producer.trySend(bytes('second'));
  expect(text(consumer.receiveSync())).toBe('second');
  expect(text(await received)).toBe('first');
  for (let n = 0; n < 8; n++) producer.trySend(bytes(String(n)));
  const sent = producer.send(bytes('8'));
  consumer.tryReceive();
  expect(producer.sendSync(bytes('9'), { timeoutMs: 1 })).toBe(false);
  await sent;
  for (let n = 1; n < 9; n++) expect(text(consumer.tryReceive())).toBe(String(n));
});

test('either end may create it; damage is ERR_IPC_CORRUPT; a closed end says so', async () => {
  const name = uniqueName('queue');
  expect(() => Consumer.open(name)).toThrow(code('ERR_IPC_NOT_FOUND'));
  const consumer = Consumer.open(name, options);
  onTestFinished(() => consumer.close());
  const { producer } = open(name);
  expect(() => Producer.open(name, { ...options, participants: 9 })).toThrow(code('ERR_IPC_MISMATCH'));
  producer.trySend(bytes('x'));
  using region = Region.open(name, { kind: 'mpmc' });
  region.words[160 + 64 * 32 + 1] = -1;
  await expect(consumer.receive()).rejects.toThrow(code('ERR_IPC_CORRUPT'));
  await producer.close();
  expect(() => producer.trySend(bytes('x'))).toThrow(code('ERR_IPC_CLOSED'));
  expect(() => producer.consumers).toThrow(code('ERR_IPC_CLOSED'));
});

test('room is told in batches, but none is kept back: at the end of the turn, or before a thread goes on blocking', async () => {
  const name = uniqueName('queue');
  const large = { ...options, slots: 64 }; // told of in eighths
  const consumer = Consumer.open(name, large);
  onTestFinished(() => consumer.close());
  const other = await peer();
  await other.call('producer', name, large);
  const last = (): number | undefined => consumer.tryReceive()?.[4];
  const full = other.call('send', 1, 65);
  await asleep(name, 2);
  expect(last()).toBe(0);
  await full;
  const filled = other.call('sendSync', 2, 2);
  await asleep(name);
  expect(consumer.receiveSync()?.[4]).toBe(1);
  expect(consumer.receiveSync()?.[4]).toBe(2);
  using region = Region.open(name, { kind: 'mpmc' });
  const giveUpMs = performance.now() + 10_000;
  while (Atomics.load(region.words, tail) !== 67 && performance.now() < giveUpMs); // this thread does nothing else
  expect(Atomics.load(region.words, tail)).toBe(67);
  await filled;
});

/** Waits until somebody has announced to sleep; on an event loop that is done twice, before two looks. */
async function asleep(name: string, announcements = 1): Promise<void> {
  using region = Region.open(name, { kind: 'mpmc' });
  const isAsleep = (): boolean => {
    for (let line = 160; line < 160 + 64 * 32; line += 32) {
      if (Atomics.load(region.words, line + 2) >= announcements) return true;
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
