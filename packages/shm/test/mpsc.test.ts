import { formatMpsc, mpscBytes, MpscReceiver, MpscSender, Region } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { busy, bytes, goodbye, open, options, peer, receive, received, slow, text } from './mpscs.ts';

noLeaks();

const states = (640 >> 2) + 8 * 32;
const code = (value: string): unknown => expect.objectContaining({ code: value });

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
  for (const state of [(40 << 2) | 3, 3, (4000 << 10) | 2, (513 << 10) | 2, 4]) {
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
