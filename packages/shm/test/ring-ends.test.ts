import { Region, RingMemory, ringBytes, RingReader, RingWriter } from '@ipc/shm';
import { expectBytes, noLeaks, pattern } from '@ipc/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytes, newRing, text } from './rings.ts';

noLeaks();

test('what is sent is received, in order, whatever the lengths, lap after lap', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 6, max: 10 }),
      fc.array(
        fc.oneof(
          fc.nat({ max: 1100 }).map((length) => ({ send: length })),
          fc.nat({ max: 6 }).map((take) => ({ take })),
        ),
        {
          maxLength: 300,
        },
      ),
      (bits, steps) => {
        const { writer, reader } = newRing(2 ** bits);
        const inFlight: Uint8Array[] = [];
        let seed = 0;
        for (const step of steps) {
          if ('send' in step) {
            const message = pattern(step.send % (writer.maxMessageBytes + 1), ++seed);
            const free = inFlight.length === 0;
            const sent = writer.trySend(message);
            if (sent) inFlight.push(message);
            else if (free) {
              // Only padding was in the way: the reader steps over it, and then everything is free.
              expect(reader.tryReceive()).toBeUndefined();
              expect(writer.trySend(message)).toBe(true);
              inFlight.push(message);
            }
          } else {
            for (let i = 0; i < step.take; i++) {
              const expected = inFlight.shift();
              const received = reader.tryReceive();
              if (expected === undefined) expect(received).toBeUndefined();
              else expectBytes(received, expected);
            }
          }
        }
      },
    ),
  );
});

test('every length is received as it was sent, by either spelling, at every place in the ring', () => {
  const { writer, reader } = newRing(1 << 18);
  for (let length = 0; length <= 70_000; length = length < 600 ? length + 1 : Math.floor(length * 1.7)) {
    const message = pattern(length, length);
    expect(writer.trySend(message)).toBe(true);
    expectBytes(reader.tryReceive(), message);
    expect(writer.trySend(message)).toBe(true);
    expect(
      reader.drain((ring, offset, count) => {
        expectBytes(ring.subarray(offset, offset + count), message);
      }),
    ).toBe(1);
  }
});

/** Sends messages of small lengths in bursts, and takes them by whatever spelling comes; each must be the next one. */
test('what is read ahead is received once, in order, however receiving and draining alternate', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          burst: fc.array(fc.oneof(fc.nat({ max: 64 }), fc.constant(24), fc.nat({ max: 3000 })), {
            maxLength: 80,
          }),
          takes: fc.array(
            fc.tuple(fc.constantFrom('receive', 'drain', 'lend', 'nested', 'throw'), fc.nat({ max: 30 })),
            { maxLength: 8 },
          ),
        }),
        { maxLength: 20 },
      ),
      (rounds) => {
        const { writer, reader } = newRing(1 << 14);
        const kept: [Uint8Array, Uint8Array][] = [];
        const sent: Uint8Array[] = [];
        let seed = 0;
        const see = (message: Uint8Array | undefined): void => {
          expectBytes(message, sent.shift() as Uint8Array);
        };
        const receive = (): void => {
          const message = reader.tryReceive();
          if (message !== undefined) kept.push([message, Uint8Array.from(message)]);
          if (message !== undefined || sent.length > 0) see(message);
        };
        for (const { burst, takes } of rounds) {
          for (const length of burst) {
            const message = pattern(length, ++seed);
            if (!writer.push(message)) break;
            sent.push(message);
          }
          writer.publish();
          for (const [how, count] of takes) {
            if (how === 'receive') for (let i = 0; i < count; i++) receive();
            else if (how === 'drain')
              reader.drain((ring, at, length) => { see(ring.subarray(at, at + length)); }, count); // prettier-ignore
            else if (how === 'lend') reader.lend(see, count);
            else if (how === 'nested') {
              reader.lend((message) => {
                const before = Uint8Array.from(message);
                see(message);
                reader.lend(see, 3);
                receive();
                expectBytes(message, before);
              }, count);
            } else {
              const fault = new Error('handler');
              const some = sent.length > 0 && count > 0;
              const lend = (): number =>
                reader.lend((message) => {
                  see(message);
                  throw fault;
                }, count);
              if (some) expect(lend).toThrow(fault);
              else expect(lend()).toBe(0);
            }
          }
        }
        for (const [message, before] of kept) expectBytes(message, before);
      },
    ),
  );
});

test('messages of one size are lent under the same views, without allocation', () => {
  const { writer, reader } = newRing(1 << 14);
  const seen = new Set<Uint8Array>();
  for (let lap = 0; lap < 20; lap++) {
    for (let i = 0; i < 100; i++) expect(writer.push(pattern(64, i))).toBe(true);
    writer.publish();
    expect(reader.lend((message) => seen.add(message))).toBe(100);
  }
  expect(seen.size).toBeLessThan(250); // of 2000
});

test('a message in pieces is put together once, wherever it is cut, behind and before others', () => {
  const { writer, reader } = newRing(1 << 10);
  for (let length = 1; length < 20_000; length = Math.ceil(length * 1.9)) {
    const message = pattern(length, length);
    expect(writer.trySend(pattern(5, 5))).toBe(true);
    expect(writer.pushBegin(length)).toBe(true);
    const received: (Uint8Array | undefined)[] = [];
    for (let sent = 0; sent < length;) {
      const count = writer.pushPiece(message, sent);
      sent += count;
      writer.publish();
      if (count > 0 && sent < length) continue;
      const taken = length % 2 === 0 ? reader.tryReceive() : undefined;
      if (taken !== undefined) received.push(taken);
      reader.lend((lent) => received.push(Uint8Array.from(lent)));
    }
    expect(received).toHaveLength(2);
    expectBytes(received[0], pattern(5, 5));
    expectBytes(received[1], message);
  }
});

test.each<[string, (writer: RingWriter) => void]>([
  ['is longer than the limit', (writer) => writer.pushBegin(5001)],
  ['has no beginning', (writer) => writer.pushPiece(new Uint8Array(9), 0)],
  ['has more pieces than it says', (writer) => writer.pushBegin(8) && writer.pushPiece(new Uint8Array(9), 0)],
  ['begins within another one', (writer) => writer.pushBegin(80) && writer.pushBegin(80)],
  ['has another message within', (writer) => writer.pushBegin(80) && writer.push(new Uint8Array(1))],
])('a message in pieces that %s is damage', (_, write) => {
  for (const spelling of ['tryReceive', 'lend'] as const) {
    const memory = new RingMemory(new ArrayBuffer(ringBytes(256)), 0, 256);
    const writer = new RingWriter(memory);
    const reader = new RingReader(memory, undefined, 5000);
    write(writer);
    writer.publish();
    expect(() => (spelling === 'lend' ? reader.lend(() => undefined) : reader.tryReceive())).toThrow(
      expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }),
    );
  }
});

test('a message behind padding that the reader had seen alone is received', () => {
  const { writer, reader } = newRing(64);
  writer.trySend(pattern(41, 1));
  expect(writer.trySend(pattern(1, 2))).toBe(false); // pads to the end
  expect(reader.tryReceive()).toHaveLength(41);
  expect(writer.trySend(pattern(1, 3))).toBe(true);
  expect(reader.tryReceive()).toHaveLength(1);
});

test('a received message is the receiver’s for ever', () => {
  const { writer, reader } = newRing();
  const kept: Uint8Array[] = [];
  for (let i = 0; i < 100; i++) {
    writer.trySend(bytes(`message ${i}`));
    kept.push(reader.tryReceive() as Uint8Array);
  }
  expect(kept.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => `message ${i}`));
});

test('positions wrap around 2^32', () => {
  const capacity = 64;
  const memory = new RingMemory(new ArrayBuffer(ringBytes(capacity)), 0, capacity);
  memory.control.fill(-64, 0, 1).fill(-64, 32, 33); // head and tail, shortly before the wrap
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  for (let i = 0; i < 50; i++) {
    expect(writer.trySend(bytes(`${i}`))).toBe(true);
    expect(text(reader.tryReceive())).toBe(`${i}`);
  }
});

test('the end is known to the other side', () => {
  const { writer, reader, wakes } = newRing();
  reader.sleep();
  expect(reader.isFinished).toBe(false);
  writer.finish();
  expect(reader.isFinished).toBe(true);
  expect(writer.isAbandoned).toBe(false);
  reader.finish();
  expect(writer.isAbandoned).toBe(true);
  expect(wakes).toEqual(['reader']);
});

test('capacities are powers of two that fit', () => {
  const buffer = new ArrayBuffer(ringBytes(64));
  for (const capacity of [0, 32, 63, 65, 2 ** 31, NaN])
    expect(() => new RingMemory(buffer, 0, capacity)).toThrow(RangeError);
  expect(() => new RingMemory(buffer, 0, 128)).toThrow(RangeError);
  expect(() => new RingMemory(buffer, 1, 64)).toThrow(RangeError);
});

test('hostile memory: whatever it holds, both ends stay inside it, end, and say ERR_IPC_CORRUPT at worst', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.nat({ max: 400 }),
          fc.oneof(fc.nat({ max: 300 }), fc.maxSafeInteger(), fc.constantFrom(-1, 1, 2, 0x7fffffff)),
        ),
        {
          minLength: 1,
          maxLength: 40,
        },
      ),
      fc.array(fc.constantFrom('send', 'receive', 'drain', 'lend', 'claim', 'pieces', 'sleep', 'room'), {
        maxLength: 60,
      }),
      (scribbles, actions) => {
        const region = Region.anonymous({ kind: 'test', bytes: ringBytes(512) });
        const memory = new RingMemory(region.buffer, region.offset, 512);
        const writer = new RingWriter(memory);
        const reader = new RingReader(memory);
        const all = new Int32Array(region.buffer, region.offset);
        let next = 0;
        for (const action of actions) {
          const [at, value] = scribbles[next++ % scribbles.length] as [number, number];
          // Control words and records alike; the region's own bounds are what must not be crossed.
          all[at % all.length] = value;
          try {
            if (action === 'send') writer.trySend(new Uint8Array(value & 63));
            else if (action === 'receive')
              expect((reader.tryReceive() ?? []).length).toBeLessThanOrEqual(16 << 20);
            else if (action === 'lend') reader.lend((message) => message.fill(1));
            else if (action === 'pieces') {
              if (writer.pushBegin(value & 63)) writer.pushPiece(new Uint8Array(value & 63), 0);
            } else if (action === 'claim') writer.tryClaim(value & 63)?.commit();
            else if (action === 'sleep') reader.sleep();
            else if (action === 'room') writer.awaitRoom();
            else {
              const count = reader.drain((ring, offset, length) => {
                expect(offset + length).toBeLessThanOrEqual(ring.length);
                expect(offset).toBeGreaterThanOrEqual(0);
                expect(length).toBeGreaterThanOrEqual(0);
              });
              expect(count).toBeLessThanOrEqual(64);
            }
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_IPC_CORRUPT' });
          }
        }
        region.close();
      },
    ),
    { numRuns: 300 },
  );
});

test('who would sleep when the writer has ended is told at once, and of its messages first', () => {
  const { writer, reader } = newRing(1024);
  expect(reader.sleep()).toBe(true);
  reader.stopSleeping();
  writer.trySend(pattern(3));
  writer.end();
  expect(reader.isFinished).toBe(false);
  expect(reader.isEnded).toBe(false);
  expectBytes(reader.tryReceive(), pattern(3));
  expect(reader.isEnded).toBe(true);
  expect(reader.sleep()).toBe(false);
  writer.finish();
  expect(reader.isEnded).toBe(false);
  expect(reader.isFinished).toBe(true);
});
