import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  FRAME_HEADER_BYTES,
  frameChannel,
  frameReceiver,
  frameSender,
  GOODBYE,
  readFrameHeader,
  writeFrameHeader,
} from '@ipc/core';
import { ScriptStream } from './script-stream.ts';

const goodbye = Uint8Array.of(255, 255, 255, 255);

function frame(payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(bytes, 0, payload.length);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** Short ones, and long ones around a threshold of the implementation. */
function payload(longMin: number, longMax: number): fc.Arbitrary<Uint8Array> {
  const length = fc.oneof(fc.nat({ max: 20 }), fc.integer({ min: longMin, max: longMax }));
  return fc
    .tuple(length, fc.nat({ max: 255 }))
    .map(([bytes, seed]) => Uint8Array.from({ length: bytes }, (_, i) => i + seed));
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

test('a header carries every length', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: GOODBYE }), (length) => {
      const bytes = new Uint8Array(6);
      writeFrameHeader(bytes, 1, length);
      return readFrameHeader(bytes, 1) === length && bytes[0] === 0 && bytes[5] === 0;
    }),
  );
});

test('any split of the byte stream yields the same messages, then the clean end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(payload(65_530, 70_000), { maxLength: 6 }),
      fc.array(fc.nat({ max: 400_000 }), { maxLength: 12 }),
      fc.boolean(),
      fc.boolean(),
      async (payloads, places, receiving, pairs) => {
        const stream = new ScriptStream(pairs);
        const receiver = frameReceiver(stream);
        const bytes = Buffer.concat([...payloads.map(frame), goodbye]);
        const first = receiving ? receiver.receive() : undefined;
        for (const chunk of cut(bytes, places)) stream.feed(chunk);
        for (const [i, payload] of payloads.entries()) {
          const message = await (i === 0 && first !== undefined ? first : receiver.receive());
          if (message === undefined || Buffer.compare(message, payload) !== 0) return false;
        }
        const end = await (payloads.length === 0 && first !== undefined ? first : receiver.receive());
        return end === undefined && stream.closed;
      },
    ),
    { numRuns: 200 },
  );
});

test('whatever comes in, the receiver ends with a typed error or goes on waiting', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (noise) => {
      const stream = new ScriptStream();
      const receiver = frameReceiver(stream, { maxMessageBytes: 256 });
      stream.feed(noise);
      stream.end();
      for (;;) {
        try {
          if ((await receiver.receive()) === undefined) return true;
        } catch (error) {
          return ['ERR_IPC_CORRUPT', 'ERR_IPC_PEER_GONE'].includes(
            (error as NodeJS.ErrnoException).code ?? '',
          );
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('a frame beyond the limit is ERR_IPC_CORRUPT, after the messages before it, and nothing is allocated for it', async () => {
  const stream = new ScriptStream();
  const receiver = frameReceiver(stream, { maxMessageBytes: 8 });
  const header = new Uint8Array(4);
  writeFrameHeader(header, 0, 0xffff_fffe);
  stream.feed(Buffer.concat([frame(Uint8Array.of(1)), header]));
  expect(await receiver.receive()).toEqual(Uint8Array.of(1));
  await expect(receiver.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
  expect(stream.closed).toBe(true);
});

test('a stream that ends inside a frame is a peer that died', async () => {
  const stream = new ScriptStream();
  const receiver = frameReceiver(stream);
  stream.feed(frame(new Uint8Array(10)).subarray(0, 9));
  stream.end();
  await expect(receiver.receive()).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
  expect(await receiver.closed).toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
});

test('nothing is read ahead of a message that nobody takes', () => {
  const stream = new ScriptStream();
  frameReceiver(stream);
  stream.feed(frame(Uint8Array.of(1)));
  stream.feed(frame(Uint8Array.of(2)));
  expect(stream.wanted.readable).toBe(false);
});

test('whatever the stream takes at a time, the same bytes come out', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(payload(8_000, 9_000), { minLength: 1, maxLength: 12 }),
      fc.array(fc.nat({ max: 5_000 }), { maxLength: 8 }),
      async (payloads, rooms) => {
        const stream = new ScriptStream();
        stream.room = 0;
        const sender = frameSender(stream);
        const sent = Promise.all(payloads.map((payload) => sender.send(payload)));
        const closed = sender.close();
        for (const room of [...rooms, Infinity]) {
          stream.room += room;
          await new Promise((resolve) => setImmediate(resolve));
          if (stream.wanted.writable) stream.onReady(false, true);
        }
        await sent;
        await closed;
        return (
          stream.closed &&
          Buffer.compare(Buffer.from(stream.written), Buffer.concat([...payloads.map(frame), goodbye])) === 0
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('what the stream does not take of large frames leaves later, from memory that is used again', async () => {
  const stream = new ScriptStream();
  const sender = frameSender(stream);
  const payloads = [200_000, 70_000, 200_000].map((bytes, seed) =>
    Uint8Array.from({ length: bytes }, (_, i) => i + seed),
  );
  for (const payload of payloads) {
    stream.room = 3;
    const message = payload.slice();
    expect(sender.trySend(message)).toBe(true);
    message.fill(255); // the caller's again
    expect(sender.bufferedBytes).toBe(FRAME_HEADER_BYTES + payload.length - 3);
    stream.room = 1000;
    stream.onReady(false, true);
    expect(sender.bufferedBytes).toBe(FRAME_HEADER_BYTES + payload.length - 1003);
    stream.room = Infinity;
    stream.onReady(false, true);
    expect(sender.bufferedBytes).toBe(0);
  }
  expect(Buffer.compare(Buffer.from(stream.written), Buffer.concat(payloads.map(frame)))).toBe(0);
  await sender.close();
});

test('a large frame comes with one read, and so does the header of the next', async () => {
  const stream = new ScriptStream(true);
  const receiver = frameReceiver(stream);
  const payloads = [1, 2, 3, 4].map((seed) => new Uint8Array(70_000).fill(seed));
  stream.feed(Buffer.concat([...payloads, Uint8Array.of(5), Uint8Array.of(6)].map(frame)));
  for (const payload of payloads)
    expect(Buffer.compare(receiver.tryReceive() ?? new Uint8Array(), payload)).toBe(0);
  expect(stream.reads).toBe(1 + payloads.length); // the first header was a read of its own
  expect(receiver.tryReceive()).toEqual(Uint8Array.of(5));
  expect(receiver.tryReceive()).toEqual(Uint8Array.of(6));
  expect(stream.reads).toBe(2 + payloads.length);
  await receiver.close();
});

test('frames of one turn leave in one write, before any timer or I/O', async () => {
  const stream = new ScriptStream();
  const sizes: number[] = [];
  const write = stream.write.bind(stream);
  stream.write = (source, offset, length) => {
    sizes.push(length);
    return write(source, offset, length);
  };
  const sender = frameSender(stream);
  for (let i = 0; i < 100; i++) sender.trySend(new Uint8Array(60));
  for (let i = 0; i < 100; i++) await sender.send(new Uint8Array(60));
  expect(sizes).toEqual([]);
  await new Promise((resolve) => {
    process.nextTick(resolve);
  });
  expect(sizes).toEqual([200 * 64]);
});

test('large messages that are lent follow each other in one memory; one that is received has its own', async () => {
  const stream = new ScriptStream();
  const receiver = frameReceiver(stream);
  stream.feed(...[1, 2, 3, 4].map((n) => frame(new Uint8Array(70_000).fill(n))));
  const lent: { memory: Uint8Array; first: number | undefined }[] = [];
  const lend = (message: Uint8Array): void => {
    lent.push({ memory: message, first: message[0] });
  };
  receiver.drain(lend, 2);
  const owned = receiver.tryReceive();
  receiver.drain(lend, 1);
  expect(lent.map(({ first }) => first)).toEqual([1, 2, 4]);
  expect(lent[1]?.memory).toBe(lent[0]?.memory);
  expect(lent[2]?.memory).not.toBe(owned);
  expect(owned?.every((byte) => byte === 3)).toBe(true);
  await receiver.close();
});

test('a peer that asks and asks, and reads no receipt, costs nothing; it gets one for each in the end', async () => {
  const stream = new ScriptStream();
  const channel = frameChannel(stream);
  const before = process.memoryUsage().arrayBuffers;
  stream.room = 0;
  const asks = 100_000;
  stream.feed(
    new Uint8Array(asks * FRAME_HEADER_BYTES).fill(255).map((byte, i) => (i % 4 === 0 ? 254 : byte)),
  );
  await expect.poll(() => channel.bufferedBytes).toBe(asks * FRAME_HEADER_BYTES);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 << 20);
  stream.room = Infinity;
  stream.onReady(false, true);
  await channel.flush();
  expect(stream.written).toHaveLength(asks * FRAME_HEADER_BYTES);
  expect(new Set(stream.written)).toEqual(new Set([253, 255]));
  await channel.close({ signal: AbortSignal.abort() }).catch(() => undefined);
});

test.each([
  ['a message', frame(Uint8Array.of(7))],
  ['a second end', Uint8Array.of(252, 255, 255, 255)],
  ['the end of the stream', undefined],
])('behind an end, %s ends sending and not receiving', async (_what, behind) => {
  const stream = new ScriptStream();
  const channel = frameChannel(stream);
  stream.feed(frame(Uint8Array.of(42)), Uint8Array.of(252, 255, 255, 255));
  expect(await channel.receive()).toEqual(Uint8Array.of(42));
  expect(await channel.receive()).toBeUndefined();
  await channel.send(Uint8Array.of(1));
  if (behind === undefined) stream.end();
  else stream.feed(behind);
  const failure = { code: behind === undefined ? 'ERR_IPC_PEER_GONE' : 'ERR_IPC_CORRUPT' };
  expect(await channel.closed).toMatchObject(failure);
  expect(await channel.receive()).toBeUndefined();
  await expect(channel.send(Uint8Array.of(2))).rejects.toMatchObject(failure);
  await channel.close();
});

test('a message that came with the end is noticed, though nobody receives any more', async () => {
  const stream = new ScriptStream();
  const channel = frameChannel(stream);
  const end = Uint8Array.of(252, 255, 255, 255);
  stream.feed(Buffer.concat([frame(Uint8Array.of(42)), end, frame(Uint8Array.of(7))]));
  expect(await channel.receive()).toEqual(Uint8Array.of(42));
  stream.feed(frame(Uint8Array.of(8)));
  expect(await channel.closed).toMatchObject({ code: 'ERR_IPC_CORRUPT' });
  await channel.close();
});

test('an end in a stream with one direction is damage', async () => {
  const stream = new ScriptStream();
  const receiver = frameReceiver(stream);
  stream.feed(Uint8Array.of(252, 255, 255, 255));
  await expect(receiver.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
  await receiver.close();
});

test('a thousand streams with a few bytes under way each take a few KiB, not 64', async () => {
  const streams = Array.from({ length: 1_000 }, () => new ScriptStream());
  const before = process.memoryUsage().arrayBuffers;
  const takenKiB = (): number => (process.memoryUsage().arrayBuffers - before) / 1024 / streams.length;
  const senders = streams.map((stream) => frameSender(stream));
  for (const sender of senders) sender.trySend(new Uint8Array(8));
  expect(takenKiB()).toBeLessThan(16);
  await Promise.all(senders.map((sender) => sender.flush()));
  const receivers = streams.map((stream) => frameReceiver(stream));
  for (const stream of streams) stream.feed(frame(new Uint8Array(8)), frame(new Uint8Array(9)));
  await new Promise((resolve) => setImmediate(resolve));
  expect(takenKiB()).toBeLessThan(16);
  for (const receiver of receivers) {
    expect(receiver.tryReceive()).toHaveLength(8);
    expect(receiver.tryReceive()).toHaveLength(9);
  }
});

test('a failed write ends sending with ERR_IPC_PEER_GONE, waiting sends included', async () => {
  const stream = new ScriptStream();
  stream.room = 0;
  const sender = frameSender(stream);
  while (sender.trySend(new Uint8Array(1_000)));
  const waiting = expect(sender.send(new Uint8Array(1_000))).rejects.toMatchObject({
    code: 'ERR_IPC_PEER_GONE',
  });
  stream.write = () => {
    throw Object.assign(new Error('EPIPE: broken pipe, write'), {
      code: 'EPIPE',
      errno: -32,
      syscall: 'write',
    });
  };
  stream.onReady(false, true);
  await waiting;
  expect(() => sender.trySend(new Uint8Array(1))).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_PEER_GONE' }),
  );
  expect(stream.closed).toBe(true);
});

test('what has come of a message that is not whole yet is told, and nothing of whole ones', async () => {
  for (const [length, parts] of [
    [1_000, [3, 500, 900]],
    [200_000, [100, 70_000, 199_999]],
  ] as const) {
    const stream = new ScriptStream();
    const receiver = frameReceiver(stream);
    const bytes = frame(new Uint8Array(length));
    expect(receiver.partialBytes).toBe(0);
    let before = 0;
    for (const part of parts) {
      stream.feed(bytes.subarray(before, part));
      expect(receiver.tryReceive()).toBeUndefined();
      expect(receiver.partialBytes).toBeGreaterThan(0);
      expect(receiver.partialBytes).toBeLessThanOrEqual(part);
      before = part;
    }
    stream.feed(bytes.subarray(before));
    await receiver.ready();
    expect(receiver.partialBytes).toBe(0);
    await receiver.close();
  }
});
