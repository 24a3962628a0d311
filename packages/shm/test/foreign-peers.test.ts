/** Peers in other languages: what they write is read here, and what is written here they read. */
import {
  Counters,
  LatestReader,
  LatestWriter,
  LoanPublisher,
  LoanReceiver,
  Region,
  SharedMap,
} from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { decode, encode, joined, languages, peerOf, texts } from './foreign-languages.ts';

noLeaks();

const whileOpen = { lifetime: 'while-open' } as const;

describe.each(languages)('a peer in %s', (_, language, canRun) => {
  beforeEach((context) => {
    context.skip(!canRun, `there is nothing to run ${language} with`);
  });
  const latest = peerOf('latest_peer', language, canRun);
  const pool = peerOf('pool_peer', language, canRun);
  const map = peerOf('map_peer', language, canRun);
  const counters = peerOf('counters_peer', language, canRun);

  describe('latest', () => {
    test('reads whole values while they are published as fast as they can be', async () => {
      const name = uniqueName('foreign');
      using writer = LatestWriter.open(name, { maxBytes: 64, ...whileOpen });
      writer.publish(encode('first'));
      const peer = await joined(latest, 'latest', name, 'read', '50');
      const ended = peer.exited.then(() => true);
      const turn = (): Promise<boolean> =>
        new Promise((resolve) => {
          setImmediate(() => {
            resolve(false);
          });
        });
      for (let n = 0; !(await Promise.race([ended, turn()])); n++)
        for (let each = 0; each < 100; each++)
          writer.publish(encode(String((n + each) % 10).repeat(1 + (each % 64))));
      for (let n = 0; n < 50; n++) expect(await peer.line()).toMatch(/^\d+ (first|(\d)\2*)$/);
      expect(await ended).toBe(true);
    });

    test('publishes, as the one writer there is, and wakes who sleeps', async () => {
      const name = uniqueName('foreign');
      LatestWriter.open(name, { maxBytes: 64 }).close();
      onTestFinished(() => void Region.unlink(name, 'latest'));
      using reader = LatestReader.open(name, { spinUs: 0 });
      const peer = await joined(latest, 'latest', name, 'publish'); // it has the writer's lock
      expect(() => LatestWriter.open(name, { maxBytes: 64 })).toThrow(/has a writer/);
      for (const value of ['one', '', 'x'.repeat(64)]) {
        const next = reader.next();
        await new Promise((resolve) => setImmediate(resolve));
        peer.say(value);
        expect(decode(await next)).toBe(value);
      }
      peer.say('for who blocks');
      expect(reader.waitSync({ timeoutMs: 15_000 })).toBe(true);
      expect(decode(reader.read())).toBe('for who blocks');
      expect(await peer.end()).toBe(0);
    });
  });

  describe('pool', () => {
    const shape = { chunks: 4, chunkBytes: 64, participants: 4, ...whileOpen };

    test('publishes to us, and waits for chunks', async () => {
      const name = uniqueName('foreign');
      LoanPublisher.open(name, { ...shape, lifetime: 'kept' }).close();
      onTestFinished(() => void Region.unlink(name, 'pool'));
      const peer = await joined(pool, 'pool', name, 'publish');
      expect(() => LoanPublisher.open(name, shape)).toThrow(/has a publisher/);
      peer.say(texts[0] ?? ''); // waits for the first receiver
      using receiver = LoanReceiver.open(name);
      for (const text of texts.slice(1)) peer.say(text);
      for (const text of texts) {
        using borrowed = await receiver.borrow();
        expect(decode(borrowed.bytes)).toBe(text);
      }
      expect(await peer.end()).toBe(0);
    });

    test('borrows from us, and what it held when it was killed comes back', async () => {
      const name = uniqueName('foreign');
      using publisher = LoanPublisher.open(name, shape);
      const publish = async (text: string): Promise<void> => {
        using loan = await publisher.loan();
        loan.bytes.set(encode(text));
        loan.publish(text.length);
      };
      await publish('from before');
      const peer = await joined(pool, 'pool', name, 'receive');
      peer.say('next');
      expect(await peer.line()).toBe('from before');
      texts.forEach(() => {
        peer.say('next');
      });
      for (const text of texts) await publish(text); // waits for chunks
      for (const text of texts) expect(await peer.line()).toBe(text);
      for (let n = 0; n < shape.chunks; n++) await publish(`unread ${n}`);
      expect(publisher.tryLoan()).toBeUndefined();
      await peer.kill();
      expect(publisher.receivers).toBe(0);
      const heir = await joined(pool, 'pool', name, 'receive');
      for (let n = 0; n < shape.chunks; n++) {
        heir.say('next');
        expect(await heir.line()).toBe(`unread ${n}`);
      }
      expect(await heir.end()).toBe(0);
    });
  });

  describe('map', () => {
    test('reads, sets and deletes what we do, at the same time', async () => {
      const name = uniqueName('foreign');
      using shared = SharedMap.open(name, { capacity: 100, keyBytes: 12, valueBytes: 48, ...whileOpen });
      const value = (text: string): Uint8Array => {
        const padded = new Uint8Array(48);
        padded.set(encode(text));
        return padded;
      };
      const peer = await joined(map, 'map', name);
      const ask = (command: string): Promise<string> => {
        peer.say(command);
        return peer.line();
      };
      expect(await ask('get nothing')).toBe('-');
      for (let n = 0; n < 100; n++) {
        if (n % 2 === 0) shared.set(`key ${n}`.replace(' ', '-'), value(texts[n] ?? ''));
        else expect(await ask(`set key-${n} ${texts[n] ?? ''}`)).toBe('done');
      }
      expect(shared.size).toBe(100);
      expect(await ask('set one-more x')).toBe('not'); // full
      for (let n = 0; n < 100; n++) {
        expect(await ask(`get key-${n}`)).toBe(texts[n]);
        expect(decode(shared.get(`key-${n}`)).replace(/\0+$/, '')).toBe(texts[n]);
      }
      for (let n = 0; n < 100; n += 3) expect(await ask(`delete key-${n}`)).toBe('done');
      expect(await ask('delete key-0')).toBe('not');
      for (let n = 0; n < 100; n++) expect(shared.has(`key-${n}`)).toBe(n % 3 !== 0);
      // Both at once, on the same few keys: every value is whole, and in the end the counts agree.
      for (let n = 0; n < 600; n++)
        peer.say(n % 5 === 4 ? `delete both-${n % 7}` : `set both-${n % 7} ${String(n % 10).repeat(40)}`);
      for (let n = 0; n < 600; n++) {
        const key = `both-${n % 7}`;
        if (n % 4 === 3) shared.delete(key);
        else shared.set(key, value(String(n % 10).repeat(40)));
        const found = shared.get(key);
        if (found !== undefined) expect(decode(found)).toMatch(/^(\d)\1{39}\0{8}$/);
        expect(await peer.line()).toMatch(/^(done|not)$/);
      }
      expect([...shared.entries()]).toHaveLength(shared.size);
      expect(shared.repairs).toBe(0);
      expect(await peer.end()).toBe(0);
    });

    test('repairs, and is repaired, when the owner of a lock has died', async () => {
      const name = uniqueName('foreign');
      using shared = SharedMap.open(name, { capacity: 10, keyBytes: 8, valueBytes: 8, ...whileOpen });
      const victim = await joined(map, 'map', name);
      victim.say('die key');
      expect(await victim.exited).toBe(0);
      shared.set('key', encode('ours____'));
      expect(shared.repairs).toBe(1);
      const second = await joined(map, 'map', name);
      second.say('die key');
      expect(await second.exited).toBe(0);
      const peer = await joined(map, 'map', name);
      peer.say('set key theirs__');
      expect(await peer.line()).toBe('done');
      expect(shared.repairs).toBe(2);
      expect(decode(shared.get('key'))).toBe('theirs__');
      expect(await peer.end()).toBe(0);
    });
  });

  test('counts with us', async () => {
    const name = uniqueName('foreign');
    using own = Counters.open(name, { capacity: 8, ...whileOpen });
    const peer = await joined(counters, 'counters', name);
    const requests = own.counter('requests');
    for (let n = 0; n < 200; n++) peer.say('add requests 3');
    for (let n = 0; n < 200; n++) {
      requests.increment();
      expect(await peer.line()).toMatch(/^\d+$/);
    }
    expect(requests.value).toBe(800);
    peer.say('add theirs 7');
    expect(await peer.line()).toBe('7');
    expect(own.counter('theirs').value).toBe(7);
    own.gauge('level').set(-5);
    peer.say('read level');
    expect(await peer.line()).toBe('-5');
    peer.say('read nothing');
    expect(await peer.line()).toBe('-');
    expect(await peer.end()).toBe(0);
  });
});
