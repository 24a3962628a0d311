import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { noLeaks } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { bytes, newRing, text } from './rings.ts';

noLeaks();

test('a full ring refuses; a batch tells how much of it fitted', () => {
  const { writer, reader } = newRing(64);
  const messages = Array.from({ length: 10 }, (_, i) => bytes(`${i}`));
  expect(writer.trySendMany(messages)).toBe(4);
  expect(writer.trySend(messages[4] as Uint8Array)).toBe(false);
  expect(text(reader.tryReceive())).toBe('0');
  expect(text(reader.tryReceive())).toBe('1');
  expect(writer.trySendMany(messages, 4)).toBe(2);
  const rest: (string | undefined)[] = [];
  while (reader.hasMessage()) rest.push(text(reader.tryReceive()));
  expect(rest).toEqual(['2', '3', '4', '5']);
  expect(() => writer.trySend(new Uint8Array(57))).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_TOO_LARGE' }),
  );
  expect(writer.trySend(new Uint8Array(56))).toBe(false); // needs all of it, and starts with padding to its end
  expect(reader.tryReceive()).toBeUndefined();
  expect(writer.trySend(new Uint8Array(56))).toBe(true);
});

test('a batch becomes visible as one', () => {
  const { writer, reader } = newRing();
  expect(writer.push(bytes('a'))).toBe(true);
  expect(writer.push(bytes('b'))).toBe(true);
  expect(reader.tryReceive()).toBeUndefined();
  writer.publish();
  expect(text(reader.tryReceive())).toBe('a');
  expect(text(reader.tryReceive())).toBe('b');
});

test('a batch stops before a message longer than it may be, wherever that stands', () => {
  const { writer, reader } = newRing(64);
  const messages = ['aaa', 'b', 'ccc', 'd'].map(bytes);
  const most = 2;
  expect(writer.pushMany(messages, 0, 4, most)).toBe(0);
  expect(writer.pushMany(messages, 1, 4, most)).toBe(1);
  expect(writer.pushMany(messages, 3, 4, most)).toBe(1);
  writer.publish();
  expect([text(reader.tryReceive()), text(reader.tryReceive())]).toEqual(['b', 'd']);
});

test('a claim is invisible until committed, and gone when aborted or disposed', () => {
  const { writer, reader } = newRing(64);
  const claim = writer.tryClaim(5);
  claim?.bytes.set(bytes('hello'));
  expect(reader.tryReceive()).toBeUndefined();
  expect(() => writer.trySend(bytes('x'))).toThrow(TypeError);
  expect(() => writer.tryClaim(1)).toThrow(TypeError);
  claim?.commit();
  expect(() => claim?.commit()).toThrow(TypeError);
  expect(() => claim?.bytes).toThrow(TypeError);
  claim?.abort();
  expect(text(reader.tryReceive())).toBe('hello');

  writer.tryClaim(9)?.abort();
  writer.tryClaim(9)?.[Symbol.dispose]();
  expect(writer.trySend(bytes('next'))).toBe(true);
  expect(text(reader.tryReceive())).toBe('next');
  expect(reader.hasMessage()).toBe(false);

  for (let i = 0; i < 100; i++) {
    const again = writer.tryClaim(i % 20);
    expect(again).toBe(claim);
    again?.ring.fill(i, again.offset, again.offset + again.length);
    again?.commit();
    expect(reader.tryReceive()).toEqual(new Uint8Array(i % 20).fill(i));
  }
  expect(writer.tryClaim(56)).toBeUndefined(); // padded first
  expect(reader.tryReceive()).toBeUndefined();
  expect(writer.tryClaim(56)).toBe(claim);
  claim?.abort();
  for (const length of [-1, 1.5, NaN]) expect(() => writer.tryClaim(length)).toThrow(RangeError);
  expect(() => writer.tryClaim(57)).toThrow(expect.objectContaining({ code: 'ERR_IPC_TOO_LARGE' }));
});

test('a drain stops at its limit, at what was there when it began, and behind a handler that throws', () => {
  const { writer, reader } = newRing();
  writer.trySendMany(['a', 'b', 'c', 'd', 'e'].map(bytes));
  const seen: string[] = [];
  const see = (ring: Uint8Array, offset: number, length: number): void => {
    seen.push(Buffer.from(ring.subarray(offset, offset + length)).toString());
    if (seen.at(-1) === 'c') throw new Error('c');
    if (seen.at(-1) === 'd') writer.trySend(bytes('late'));
  };
  expect(reader.drain(see, 2)).toBe(2);
  expect(() => reader.drain(see)).toThrow('c');
  expect(reader.drain(see)).toBe(2);
  expect(seen).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(text(reader.tryReceive())).toBe('late');
  expect(reader.drain(see, 0)).toBe(0);
});

test('room lent to a handler is not given back while it looks, even when it drains itself', () => {
  const { writer, reader } = newRing(64);
  writer.trySendMany(['1', '2', '3', '4'].map(bytes));
  reader.drain((ring, offset) => {
    reader.drain(() => undefined);
    expect(writer.trySend(bytes('5'))).toBe(false);
    expect(String.fromCharCode(ring[offset] as number)).toBe('1');
  }, 1);
  expect(writer.trySend(bytes('5'))).toBe(true);
});

test('a sleeping reader is woken once, a waiting writer when its message fits', () => {
  const { writer, reader, wakes } = newRing(64);
  expect(reader.sleep()).toBe(true);
  writer.trySend(bytes('a'));
  writer.trySend(bytes('b'));
  expect(wakes).toEqual(['reader']);
  expect(reader.sleep()).toBe(false);
  while (writer.trySend(bytes('x')));
  expect(writer.awaitRoom()).toBe(true);
  while (reader.tryReceive() !== undefined);
  expect(wakes).toEqual(['reader', 'writer']);
  expect(writer.awaitRoom()).toBe(false);
  reader.sleep();
  reader.stopSleeping();
  writer.trySend(bytes('c'));
  expect(wakes).toHaveLength(2);
});

test('claims and drains allocate nothing per message', () => {
  const script = fileURLToPath(new URL('../dist-test/workers/ring-heap.js', import.meta.url));
  const { messages, heapBytes } = JSON.parse(
    execFileSync(process.execPath, ['--min-semi-space-size=256', '--max-semi-space-size=256', script], {
      encoding: 'utf8',
    }),
  ) as Record<string, number>;
  expect(messages).toBeGreaterThanOrEqual(1_000_000);
  expect(Math.abs(heapBytes as number) / (messages as number)).toBeLessThan(1); // the smallest object has 16, and nothing is collected meanwhile
});
