import { formatMpsc, mpscBytes, MpscReceiver, MpscSender, Region, type MpscOptions } from '@ipc/shm';
import { noLeaks, spawnPeer, uniqueName, type Peer } from '@ipc/testkit';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dieAtStep } from './die.ts';
import { numbered, numberOf } from './workers/numbered.ts';

noLeaks();

const worker = new URL('../dist-test/workers/mpsc-peer.js', import.meta.url);
const options: MpscOptions = { capacityBytes: 2048, participants: 8, lifetime: 'while-open' };
/** For processes that really race: a small ring would have them sleep for every few messages. */
const busy = { ...options, capacityBytes: 1 << 14 };
const states = (640 >> 2) + 8 * 32;
/** A watchdog, not a measure: each starts several processes, on a machine that may be busy. */
const slow = { timeout: 60_000 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value && Buffer.from(value).toString('latin1');
const code = (value: string): unknown => expect.objectContaining({ code: value });
const goodbye = new Uint8Array(0);

function open(name = uniqueName('mpsc'), shape = options): { name: string; sender: MpscSender } {
  const sender = MpscSender.open(name, shape);
  onTestFinished(() => sender.close());
  return { name, sender };
}

function receive(name: string, spinUs?: number): MpscReceiver {
  const receiver = MpscReceiver.open(name, { spinUs });
  onTestFinished(() => receiver.close());
  return receiver;
}

async function peer(): Promise<Peer> {
  const started = await spawnPeer(worker);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

function received(receiver: MpscReceiver): (string | undefined)[] {
  const all: (string | undefined)[] = [];
  receiver.drain((message) => all.push(text(message)));
  return all;
}

test('messages of any length come out whole and in order, lap after lap; a full ring waits', async () => {
  const { name, sender } = open();
  const other = MpscSender.open(name, options);
  onTestFinished(() => other.close());
  const receiver = receive(name);
  expect(sender.hasReceiver).toBe(true);
  expect(sender.maxMessageBytes).toBe(512);
  for (let lap = 0; lap < 50; lap++) {
    const sent: string[] = [];
    for (let n = 0; ; n++) {
      const message = `${lap}.${n}`.repeat((lap * 7 + n * 13) % 40);
      if (!(n % 2 === 0 ? sender : other).trySend(bytes(message))) break;
      sent.push(message);
    }
    expect(sent.length).toBeGreaterThan(8);
    expect(sender.sendSync(new Uint8Array(512), { timeoutMs: 1 })).toBe(false);
    expect(text(receiver.tryReceive())).toBe(sent.shift());
    expect(text(await receiver.receive())).toBe(sent.shift());
    expect(received(receiver)).toEqual(sent);
    expect(receiver.receiveSync({ timeoutMs: 1 })).toBeUndefined();
  }
  expect(receiver.repaired).toBe(0);
});

test('an empty ring takes the largest message, wherever it is', () => {
  const { name, sender } = open();
  const receiver = receive(name);
  fc.assert(
    fc.property(fc.array(fc.nat(512), { minLength: 1, maxLength: 40 }), (lengths) => {
      const waiting: Uint8Array[] = [];
      for (const length of lengths) {
        const message = new Uint8Array(length).fill(length);
        while (!sender.trySend(message)) {
          if (waiting.length === 0) throw new Error(`no room for ${length}`);
          expect(Buffer.compare(receiver.tryReceive() ?? goodbye, waiting.shift() ?? goodbye)).toBe(0);
        }
        waiting.push(message);
      }
      receiver.drain((message) => {
        expect(Buffer.compare(message, waiting.shift() ?? goodbye)).toBe(0);
      });
      expect(waiting).toEqual([]);
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('a claim is filled in place, keeps its place in the order, and is seen when it is committed', () => {
  const { name, sender } = open();
  const receiver = receive(name);
  const claim = sender.tryClaim(100);
  if (claim === undefined) throw new Error('no room');
  expect(sender.trySend(bytes('behind'))).toBe(true);
  expect(receiver.tryReceive()).toBeUndefined();
  expect(() => sender.tryClaim(1)).toThrow(TypeError);
  claim.bytes.fill(0x61);
  claim.commit();
  expect(received(receiver)).toEqual(['a'.repeat(100), 'behind']);
  expect(() => {
    claim.commit();
  }).toThrow(TypeError);
  for (let lap = 0; lap < 100; lap++) {
    using aborted = sender.tryClaim(lap * 5);
    expect(aborted?.length).toBe(lap * 5);
    sender.trySend(bytes('next'));
    aborted?.abort();
    expect(received(receiver)).toEqual(['next']);
  }
  expect(() => sender.tryClaim(-1)).toThrow(RangeError);
  expect(() => sender.tryClaim(513)).toThrow(code('ERR_IPC_TOO_LARGE'));
  while (sender.tryClaim(512)?.abort() === undefined && sender.trySend(bytes('x')));
  expect(sender.tryClaim(512)).toBeUndefined();
});

test('drain hands messages out where they lie; a handler that throws has had its message', () => {
  const { name, sender } = open();
  const receiver = receive(name);
  using region = Region.open(name, { kind: 'mpsc' });
  const large = new Uint8Array(300).fill(7);
  for (const message of [large, bytes('b'), bytes('c'), bytes('d')]) sender.trySend(message);
  expect(() =>
    receiver.drain((message) => {
      expect(message.buffer).toBe(message.length === 300 ? message.buffer : goodbye.buffer);
      Buffer.from(region.buffer).fill(8, Buffer.from(region.buffer).indexOf(large));
      expect(message[299]).toBe(8); // the same memory
      throw new Error('no');
    }),
  ).toThrow('no');
  const seen: (string | undefined)[] = [];
  receiver.drain((message) => {
    const before = text(message);
    seen.push(text(receiver.tryReceive()), before); // inside a handler, too
    expect(text(message)).toBe(before);
  }, 1);
  expect(seen).toEqual(['\b', '\b']);
});

test('one receiver at a time; the next goes on; damage, bad options and closed ends say so', async () => {
  const name = uniqueName('mpsc');
  expect(() => MpscReceiver.open(name)).toThrow(code('ERR_IPC_NOT_FOUND'));
  const first = MpscReceiver.open(name, options);
  const { sender } = open(name);
  expect(() => MpscReceiver.open(name)).toThrow(code('ERR_IPC_EXISTS'));
  expect(() => MpscSender.open(name, { ...options, capacityBytes: 4096 })).toThrow(code('ERR_IPC_MISMATCH'));
  for (const bad of [{ capacityBytes: 3000 }, { capacityBytes: 1024 }, { participants: 256 }]) {
    expect(() => MpscSender.open(name, { ...options, ...bad })).toThrow(RangeError);
  }
  for (const message of ['a', 'b', 'c']) sender.trySend(bytes(message));
  expect(text(first.tryReceive())).toBe('a');
  await first.close();
  expect(sender.hasReceiver).toBe(false);
  const second = MpscReceiver.open(name);
  expect(received(second)).toEqual(['b', 'c']);
  await second.close();
  using region = Region.open(name, { kind: 'mpsc' });
  for (const state of [(40 << 2) | 3, 3, (4000 << 10) | 2, 4]) {
    const before = Atomics.exchange(region.words, states + 3, state);
    const third = MpscReceiver.open(name, { spinUs: 0 });
    await expect(third.receive()).rejects.toThrow(code('ERR_IPC_CORRUPT'));
    await third.close();
    Atomics.store(region.words, states + 3, before);
  }
  await sender.close();
  expect(() => sender.tryClaim(1)).toThrow(code('ERR_IPC_CLOSED'));
  expect(() => sender.hasReceiver).toThrow(code('ERR_IPC_CLOSED'));
  region.words[128] = 33;
  expect(() => MpscSender.open(name, options)).toThrow(code('ERR_IPC_CORRUPT'));
});

test('several rings in one region of one own, beside other things', async () => {
  const shape = { capacityBytes: 2048, participants: 2 };
  const size = Math.ceil(mpscBytes(shape) / 128) * 128;
  using region = Region.anonymous({
    kind: 'two-rings',
    bytes: 128 + 2 * size,
    initialise: (created) => {
      formatMpsc(created, 128, shape);
      formatMpsc(created, 128 + size, shape);
    },
  });
  const ends = [128, 128 + size].map(
    (offset) => [MpscSender.within(region, offset), MpscReceiver.within(region, offset)] as const,
  );
  for (const [index, [sender]] of ends.entries()) await sender.send(bytes(`for ${index}`));
  for (const [index, [, receiver]] of ends.entries()) {
    expect(text(await receiver.receive())).toBe(`for ${index}`);
    expect(() => MpscSender.within(region, 128 + index * size)).toThrow(code('ERR_IPC_LIMIT'));
  }
  await Promise.all(ends.flat().map((end) => end.close()));
  expect(region.isOpen).toBe(true);
  await MpscReceiver.within(region, 128).close(); // the place of the first is free again
  expect(() => MpscSender.within(region, 64)).toThrow(RangeError);
  expect(() => MpscSender.within(region, 0)).toThrow(code('ERR_IPC_CORRUPT'));
  expect(() => {
    formatMpsc(region, 256 + size, shape);
  }).toThrow(RangeError);
});

describe('a death at any step', () => {
  const sending: Record<string, (sender: MpscSender) => void> = {
    'of sending': (sender) => {
      sender.trySend(bytes('x'));
    },
    'of sending several units': (sender) => {
      sender.trySend(bytes('x'.repeat(200)));
    },
    'of sending around the end': (sender) => {
      sender.trySend(bytes('x'.repeat(500)));
    },
    'of a claim that is committed': (sender) => {
      const claim = sender.tryClaim(100);
      claim?.bytes.fill(0x78);
      claim?.commit();
    },
    'of a claim that is aborted': (sender) => {
      sender.tryClaim(100)?.abort();
    },
  };

  test.each(Object.entries(sending))('%s: it is sent, or it never was', async (_, send) => {
    const outcomes = new Set<string>();
    let repaired = 0;
    for (let step = 0, died = true; died; step++) {
      const { name, sender } = open();
      const receiver = receive(name);
      for (let n = 0; n < 26; n++) {
        sender.trySend(bytes('before')); // six units are left before the end
        receiver.tryReceive();
      }
      died = dieAtStep(step, () => MpscSender.open(name, options), send);
      await sender.send(bytes('behind'));
      let all = received(receiver);
      while (!all.includes('behind')) all = [...all, ...(await nextOf(receiver))];
      outcomes.add(all.map((each) => each?.[0]).join(''));
      repaired += receiver.repaired;
      for (let n = 0; n < 70; n++) {
        expect(sender.trySend(bytes(`after ${n}`))).toBe(true);
        expect(text(receiver.tryReceive())).toBe(`after ${n}`);
      }
      await Promise.all([receiver.close(), sender.close()]);
    }
    expect(repaired).toBeGreaterThan(0);
    expect([...outcomes]).toEqual(_.endsWith('aborted') ? ['b'] : ['b', 'xb']);
  });

  const taking: Record<string, (receiver: MpscReceiver, got: (message: Uint8Array) => void) => void> = {
    'of receiving': (receiver, got) => {
      for (let n = 0; n < 4; n++) got(receiver.tryReceive() as Uint8Array);
    },
    'of draining': (receiver, got) => {
      receiver.drain(got);
    },
  };

  test.each(Object.entries(taking))('%s: the next receiver goes on, once over at most', async (_, take) => {
    const messages = ['a', 'b'.repeat(400), 'c'.repeat(300), 'd', ''];
    let twice = 0;
    for (let step = 0, died = true; died; step++) {
      const { name, sender } = open();
      sender.trySend(bytes('first'));
      await MpscReceiver.open(name).close(); // somebody was there before
      const got: (string | undefined)[] = [];
      for (const message of messages) sender.trySend(bytes(message));
      died = dieAtStep(
        step,
        () => MpscReceiver.open(name),
        (receiver) => {
          take(receiver, (message) => got.push(text(message)));
        },
      );
      const next = receive(name);
      const rest = received(next);
      const all = ['first', ...messages];
      if (got.length + rest.length > all.length) {
        expect(rest[0]).toBe(got.pop());
        twice++;
      }
      const lost = all.length - got.length - rest.length; // freed, and its receiver died before it could use it
      expect(lost).toBeLessThanOrEqual(1);
      expect([...got, ...all.slice(got.length, got.length + lost), ...rest]).toEqual(all);
      for (let n = 0; n < 70; n++) {
        expect(sender.trySend(bytes(`after ${n}`.repeat(50)))).toBe(true);
        expect(text(next.tryReceive())).toBe(`after ${n}`.repeat(50));
      }
      await Promise.all([next.close(), sender.close()]);
    }
    expect(twice > 0).toBe(_.endsWith('draining'));
  });
});

test('a claim left by one that is killed is stepped over at once, and not while that one is stopped', async () => {
  const { name, sender } = open();
  const receiver = receive(name, 0);
  const dying = await peer();
  await dying.call('sender', name, options);
  await dying.call('claim', 100);
  sender.trySend(bytes('behind'));
  dying.stop();
  const next = receiver.receive();
  for (let n = 0; n < 200; n++) expect(receiver.drain(() => undefined)).toBe(0);
  expect(receiver.repaired).toBe(0);
  await dying.kill();
  expect(text(await next)).toBe('behind');
  expect(receiver.repaired).toBe(1);
});

test('a receiver that sleeps hears of the death of one that came later and is in the way', async () => {
  const { name, sender } = open();
  const receiver = receive(name, 0);
  const next = receiver.receive();
  const late = await peer();
  await late.call('sender', name, options);
  await late.call('claim', 100);
  sender.trySend(bytes('behind'));
  using region = Region.open(name, { kind: 'mpsc' });
  const isAsleep = (): boolean => Atomics.load(region.words, (640 >> 2) + 32 + 2) !== 0;
  while (!isAsleep()) await new Promise((resolve) => setImmediate(resolve)); // it has looked again
  await late.kill();
  expect(text(await next)).toBe('behind');
});

test(
  'many senders in processes of their own: every message once, whole, and in order for each sender',
  slow,
  async () => {
    const { name, sender } = open(undefined, busy);
    const sink = await peer();
    await sink.call('receiver', name, {});
    const sources = [await peer(), await peer()];
    for (const each of sources) await each.call('sender', name, busy);
    for (const command of ['receiveAll', 'receiveAllSync']) {
      const found = sink.call(command);
      await Promise.all(
        sources.map((each, index) => each.call(index === 0 ? 'send' : 'sendSync', index + 1, 1_000)),
      );
      await sender.send(goodbye);
      const all = (await found) as [number, number][];
      for (const id of [1, 2]) {
        const numbers = all.filter(([from]) => from === id).map(([, number]) => number);
        expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, number) => number));
      }
    }
  },
);

test(
  'senders killed at random hold nobody up: what each had sent comes, whole and in order',
  slow,
  async () => {
    const { name, sender } = open(undefined, busy);
    const receiver = receive(name);
    for (let round = 1; round <= 3; round++) {
      const [one, two] = [await peer(), await peer()];
      for (const each of [one, two]) await each.call('sender', name, busy);
      void one.call('flood', round);
      void two.call('flood', 100 + round);
      const last = new Map<number, number>();
      const note = (message: Uint8Array): void => {
        if (message.length === 0) return;
        const [id, number] = numberOf(message);
        expect(number).toBe((last.get(id) ?? -1) + 1);
        last.set(id, number);
      };
      while ((last.get(round) ?? 0) < 100 || (last.get(100 + round) ?? 0) < 100) {
        note((await receiver.receive()) as Uint8Array);
      }
      await Promise.all([one.kill(), two.kill()]);
      const sent = sender.send(goodbye);
      for (;;) {
        const message = (await receiver.receive()) as Uint8Array;
        if (message.length === 0) break;
        note(message);
      }
      await sent;
    }
  },
);

test(
  'receivers killed at random: the next goes on where it was, and senders that wait are woken',
  slow,
  async () => {
    const { name, sender } = open(undefined, busy);
    const source = await peer();
    await source.call('sender', name, busy);
    void source.call('flood', 1);
    let last = -1;
    for (let round = 0; round < 3; round++) {
      const dying = await peer();
      await dying.call('receiver', name, {});
      void dying.call('devour');
      await sender.send(numbered(2, round));
      await dying.kill();
      const receiver = MpscReceiver.open(name);
      for (let n = 0; n < 300; n++) {
        const [id, number] = numberOf((await receiver.receive()) as Uint8Array);
        if (id === 2) continue;
        expect(number).toBeGreaterThan(last);
        last = number;
      }
      await receiver.close();
    }
  },
);

/** What comes next, when it has come: waits for the death that holds it up. */
async function nextOf(receiver: MpscReceiver): Promise<(string | undefined)[]> {
  return [text(await receiver.receive()), ...received(receiver)];
}
