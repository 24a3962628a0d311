/** Peers in other languages: what they write is read here, and what is written here they read. */
import { Consumer, MpscReceiver, MpscSender, Producer, Publisher, Region, Subscriber } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { decode, encode, joined, languages, peerOf, texts } from './foreign-languages.ts';

noLeaks();

const worker = new URL('../dist-test/workers/broadcast-peer.js', import.meta.url);
const mpscWorker = new URL('../dist-test/workers/mpsc-peer.js', import.meta.url);
const whileOpen = { lifetime: 'while-open' } as const;

describe.each(languages)('a peer in %s', (_, language, canRun) => {
  beforeEach((context) => {
    context.skip(!canRun, `there is nothing to run ${language} with`);
  });
  const broadcast = peerOf('broadcast_peer', language, canRun);
  const mpsc = peerOf('mpsc_peer', language, canRun);

  describe.each(['lap', 'wait'] as const)('broadcast, %s', (overflow) => {
    const shape = { slots: 8, maxMessageBytes: 64, participants: 4, overflow, ...whileOpen };

    test('publishes to us, asleep or not', async () => {
      const name = uniqueName('foreign');
      await using own = Publisher.open(name, shape); // keeps the name
      await using subscriber = Subscriber.open(name, { spinUs: 0 });
      const peer = await joined(broadcast, 'broadcast', name, 'publish');
      for (const text of texts.slice(0, 20)) {
        const received = subscriber.receive();
        peer.say(text);
        expect(decode(await received)).toBe(text);
      }
      if (overflow === 'wait') {
        for (const text of texts) peer.say(text); // far more than there are slots: it waits for us
        for (const text of texts) expect(decode(await subscriber.receive())).toBe(text);
        for (const text of texts.slice(0, 20)) peer.say(text);
        for (const text of texts.slice(0, 20))
          expect(decode(subscriber.receiveSync({ timeoutMs: 15_000 }))).toBe(text);
      }
      expect(await peer.end()).toBe(0);
      expect(own.subscribers).toBe(1);
    });

    test('subscribes to us', async () => {
      const name = uniqueName('foreign');
      await using publisher = Publisher.open(name, shape);
      await publisher.send(encode('from before'));
      const peer = await joined(broadcast, 'broadcast', name, 'subscribe', '1');
      peer.say('next');
      expect(await peer.line()).toBe('from before');
      expect(publisher.subscribers).toBe(1);
      if (overflow === 'wait') {
        texts.forEach(() => {
          peer.say('next');
        });
        for (const text of texts) await publisher.send(encode(text)); // waits for it
        for (const text of texts) expect(await peer.line()).toBe(text);
      }
      for (const text of texts.slice(0, 20)) {
        peer.say('next');
        await publisher.send(encode(text));
        expect(await peer.line()).toBe(text);
      }
      expect(await peer.end()).toBe(0);
      expect(publisher.subscribers).toBe(0);
    });
  });

  describe('broadcast', () => {
    test('holds nobody up once it was killed; nor does one of ours hold it up', async () => {
      const name = uniqueName('foreign');
      const shape = {
        slots: 2,
        maxMessageBytes: 64,
        participants: 4,
        overflow: 'wait',
        ...whileOpen,
      } as const;
      await using publisher = Publisher.open(name, shape);
      const victim = await joined(broadcast, 'broadcast', name, 'subscribe');
      for (let n = 0; n < 2; n++) expect(publisher.trySend(encode('unread'))).toBe(true);
      expect(publisher.trySend(encode('too much'))).toBe(false);
      const sent = publisher.send(encode('at last'));
      await victim.kill();
      await sent;
      await using dying = await spawnPeer(worker);
      await dying.call('subscriber', name, {});
      const peer = await joined(broadcast, 'broadcast', name, 'publish');
      await using subscriber = Subscriber.open(name);
      for (let n = 0; n < 4; n++) peer.say(`message ${n}`); // more than there are slots
      for (let n = 0; n < 2; n++) expect(decode(await subscriber.receive())).toBe(`message ${n}`);
      await dying.kill('SIGKILL');
      for (let n = 2; n < 4; n++) expect(decode(await subscriber.receive())).toBe(`message ${n}`);
      expect(await peer.end()).toBe(0);
    });
  });

  describe('queue', () => {
    const shape = { slots: 8, maxMessageBytes: 64, participants: 4, ...whileOpen };

    test('produces for us, and waits for room', async () => {
      const name = uniqueName('foreign');
      await using consumer = Consumer.open(name, shape);
      const peer = await joined(broadcast, 'mpmc', name, 'produce');
      for (const text of texts) peer.say(text);
      for (const text of texts) expect(decode(await consumer.receive())).toBe(text);
      for (const text of texts.slice(0, 20)) peer.say(text);
      for (const text of texts.slice(0, 20))
        expect(decode(consumer.receiveSync({ timeoutMs: 15_000 }))).toBe(text);
      expect(await peer.end()).toBe(0);
    });

    test('consumes what we produce, the half-read message of one that was killed included', async () => {
      const name = uniqueName('foreign');
      await using producer = Producer.open(name, shape);
      const peer = await joined(broadcast, 'mpmc', name, 'consume');
      texts.forEach(() => {
        peer.say('next');
      });
      for (const text of texts) await producer.send(encode(text)); // waits for it
      for (const text of texts) expect(await peer.line()).toBe(text);
      {
        using region = Region.open(name, { kind: 'mpmc' });
        await producer.send(encode('taken by nobody who lives'));
        const slot = (640 + 4 * 128 + (texts.length % 8) * 128) >> 2;
        Atomics.xor(region.words, slot, 1 << 8); // full becomes taken
        Atomics.and(region.words, slot, ~0xff);
        Atomics.or(region.words, slot, 4);
        Atomics.store(region.words, (640 + 3 * 128) >> 2, 4); // participant 4 had it; nobody has the lock
      }
      peer.say('next');
      expect(await peer.line()).toBe('taken by nobody who lives');
      expect(await peer.end()).toBe(0);
    });
  });

  describe('ring of many writers', () => {
    const shape = { capacityBytes: 2048, participants: 4, ...whileOpen };
    /** One to eight units each: some do not fit before the end of the ring. */
    const long = texts.map((text, n) => text + 'y'.repeat((n * 37) % 450));

    test('sends to us, waits for room, and wakes who sleeps', async () => {
      const name = uniqueName('foreign');
      await using receiver = MpscReceiver.open(name, { ...shape, spinUs: 0 });
      const peer = await joined(mpsc, 'mpsc', name, 'send');
      for (const text of texts.slice(0, 20)) {
        const received = receiver.receive();
        peer.say(text);
        expect(decode(await received)).toBe(text);
      }
      for (const text of long) peer.say(text); // far more than there is room for
      for (const text of long) expect(decode(await receiver.receive())).toBe(text);
      for (const text of texts.slice(0, 20)) peer.say(text);
      for (const text of texts.slice(0, 20))
        expect(decode(receiver.receiveSync({ timeoutMs: 15_000 }))).toBe(text);
      expect(await peer.end()).toBe(0);
      expect(receiver.repaired).toBe(0);
    });

    test('receives from us, as the one reader there is, and goes on where another stopped', async () => {
      const name = uniqueName('foreign');
      await using sender = MpscSender.open(name, shape);
      await sender.send(encode('from before'));
      const peer = await joined(mpsc, 'mpsc', name, 'receive');
      expect(() => MpscReceiver.open(name)).toThrow(/has a receiver/);
      peer.say('next');
      expect(await peer.line()).toBe('from before');
      long.forEach(() => {
        peer.say('next');
      });
      for (const text of long) await sender.send(encode(text)); // waits for it
      for (const text of long) expect(await peer.line()).toBe(text);
      await sender.send(encode('for the next one'));
      expect(await peer.end()).toBe(0);
      await using receiver = MpscReceiver.open(name);
      expect(decode(await receiver.receive())).toBe('for the next one');
    });

    test('what it had claimed when it died is stepped over, and it steps over what ours had', async () => {
      const name = uniqueName('foreign');
      await using sender = MpscSender.open(name, shape);
      {
        await using receiver = MpscReceiver.open(name);
        const dying = await joined(mpsc, 'mpsc', name, 'claim');
        dying.say('x'.repeat(100));
        expect(await dying.exited).toBe(0);
        await sender.send(encode('behind it'));
        expect(decode(await receiver.receive())).toBe('behind it');
        expect(receiver.repaired).toBe(1);
      }
      await using ours = await spawnPeer(mpscWorker);
      await ours.call('sender', name, shape);
      await ours.call('claim', 100);
      const peer = await joined(mpsc, 'mpsc', name, 'receive');
      await sender.send(encode('behind ours'));
      peer.say('next');
      await ours.kill('SIGKILL');
      expect(await peer.line()).toBe('behind ours');
      expect(await peer.end()).toBe(0);
    });
  });
});
