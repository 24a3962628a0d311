import { truncateSync } from 'node:fs';
import {
  Consumer,
  LatestWriter,
  LoanPublisher,
  MpscSender,
  Producer,
  Publisher,
  Region,
  Subscriber,
  waitAnySync,
} from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, onTestFinished, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/any-waiter.js', import.meta.url);
const queueWorker = new URL('../dist-test/workers/queue-peer.js', import.meta.url);
/** A watchdog for three processes on a busy machine. */
const watchdog = { timeout: 60_000 };
const whileOpen = { lifetime: 'while-open' } as const;
const slots = { slots: 8, maxMessageBytes: 64, ...whileOpen };
const lapping = { ...slots, overflow: 'lap' } as const;

/** Until somebody is about to sleep on the structure: the word says so. */
async function asleep(name: string, kind: string, word: number): Promise<void> {
  using region = Region.open(name, { kind });
  while ((Atomics.load(region.words, word) & 1) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('wakes for each of five kinds of sources, from another process, and names it', watchdog, async () => {
  const name = uniqueName('any-sync');
  await using publisher = Publisher.open(name, lapping);
  await using producer = Producer.open(name, slots);
  await using sender = MpscSender.open(name, { capacityBytes: 2048, participants: 4, ...whileOpen });
  using pool = LoanPublisher.open(name, { chunks: 4, chunkBytes: 64, ...whileOpen });
  using writer = LatestWriter.open(name, { maxBytes: 64, ...whileOpen });
  const sends = [
    (byte: number) => publisher.send(Uint8Array.of(byte)),
    (byte: number) => producer.send(Uint8Array.of(byte)),
    (byte: number) => sender.send(Uint8Array.of(byte)),
    async (byte: number) => {
      using loan = await pool.loan();
      loan.bytes[0] = byte;
      loan.publish(1);
    },
    (byte: number) => {
      writer.publish(Uint8Array.of(byte));
      return Promise.resolve();
    },
  ];
  await using waiter = await spawnPeer(worker);
  await waiter.call('open', name, 'broadcast', 'mpmc', 'mpsc', 'pool', 'latest');
  for (let round = 0; round < 40; round++) {
    const chosen = (round * 7) % sends.length;
    const waited = waiter.call('wait');
    if (round < 10) await asleep(name, 'latest', 33); // later, some find it on its way to sleep
    await sends[chosen]?.(round);
    expect(await waited).toEqual([chosen, round]);
  }
});

test('hears of the death of somebody who was in the way', watchdog, async () => {
  const name = uniqueName('any-sync');
  await using publisher = Publisher.open(name, lapping);
  await using producer = Producer.open(name, slots);
  await using waiter = await spawnPeer(worker);
  await waiter.call('open', name, 'broadcast', 'mpmc');
  await using victim = await spawnPeer(queueWorker);
  await victim.call('consumer', name); // participant 3
  await producer.send(Uint8Array.of(7));
  using region = Region.open(name, { kind: 'mpmc' });
  const slot = (640 + 64 * 128) >> 2;
  Atomics.store(region.words, slot, (Atomics.load(region.words, slot) & ~0x3ff) | (3 << 8) | 3); // it has taken the message,
  Atomics.store(region.words, 32, 1); // moved head,
  const waited = waiter.call('wait');
  await asleep(name, 'mpmc', 64);
  await victim.kill('SIGKILL'); // and not come to copy it
  expect(await waited).toEqual([1, 7]);
  expect(publisher.subscribers).toBe(1);
});

test('ends when a region is cut short, which the source then tells', watchdog, async () => {
  const name = uniqueName('any-sync');
  await using producer = Producer.open(name, slots);
  await Publisher.open(name, { ...lapping, lifetime: 'kept' }).close();
  onTestFinished(() => void Region.unlink(name, 'broadcast'));
  await using waiter = await spawnPeer(worker);
  await waiter.call('open', name, 'mpmc', 'broadcast');
  const waited = waiter.call('wait');
  await asleep(name, 'broadcast', 64);
  truncateSync(`/dev/shm/ipc-${name}.broadcast`, 0);
  expect(await waited).toEqual([1, null]);
  await expect(waiter.call('told')).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
  expect(producer.trySend(new Uint8Array(1))).toBe(true);
});

test('names the first that is ready, takes nothing, and ends with its time', watchdog, async () => {
  const name = uniqueName('any-sync');
  await using producer = Producer.open(name, slots);
  await using publisher = Publisher.open(name, lapping);
  await using consumer = Consumer.open(name);
  await using subscriber = Subscriber.open(name);
  const sources = [consumer, subscriber];
  expect(waitAnySync(sources, { timeoutMs: 0 })).toBeUndefined();
  expect(waitAnySync(sources, { timeoutMs: 3 })).toBeUndefined();
  publisher.trySend(Uint8Array.of(1));
  expect(waitAnySync(sources)).toBe(1);
  producer.trySend(Uint8Array.of(2));
  expect(waitAnySync(sources)).toBe(0);
  expect(waitAnySync([consumer, consumer])).toBe(0);
  expect([consumer.tryReceive()?.[0], subscriber.tryReceive()?.[0]]).toEqual([2, 1]);
  expect(() => waitAnySync([])).toThrow(RangeError);
  await consumer.close();
  expect(() => waitAnySync(sources)).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
});

test('who waits on the event loop comes first', watchdog, async () => {
  const name = uniqueName('any-sync');
  await using producer = Producer.open(name, slots);
  await using consumer = Consumer.open(name);
  const received = consumer.receive();
  producer.trySend(Uint8Array.of(1));
  expect(waitAnySync([consumer], { timeoutMs: 0 })).toBeUndefined();
  expect((await received)?.[0]).toBe(1);
  const next = consumer.receive();
  producer.trySend(Uint8Array.of(2));
  producer.trySend(Uint8Array.of(3));
  expect(waitAnySync([consumer])).toBe(0);
  expect(consumer.tryReceive()?.[0]).toBe(3);
  expect((await next)?.[0]).toBe(2);
});
