import { frameSender } from '@ipc/core';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ScriptStream } from './script-stream.ts';

const five = new Uint8Array(5); // nine bytes as a frame

test('what is sent in one turn leaves with one write, when the turn ends', async () => {
  const stream = new ScriptStream();
  const sender = frameSender(stream);
  for (let n = 0; n < 100; n++) sender.trySend(five);
  expect(stream.writes).toBe(0);
  await nextTurn();
  expect(stream.writes).toBe(1);
  expect(stream.written).toHaveLength(900);
});

test('so many bytes leave at once', () => {
  const stream = new ScriptStream();
  const sender = frameSender(stream, { gather: { bytes: 18 } });
  sender.trySend(five);
  expect(stream.written).toHaveLength(0);
  sender.trySend(five);
  expect(stream.written).toHaveLength(18);
  const alone = new ScriptStream();
  const each = frameSender(alone, { gather: { bytes: 1, delayMs: 60_000 } });
  for (let n = 1; n <= 3; n++) {
    each.trySend(five);
    expect(alone.writes).toBe(n);
  }
});

test('what waits for others leaves when its time is over, and is in this process until then', async () => {
  const stream = new ScriptStream();
  const sender = frameSender(stream, { gather: { delayMs: 5 } });
  for (let n = 0; n < 3; n++) {
    sender.trySend(five);
    await nextTurn();
  }
  expect(stream.written.length + sender.bufferedBytes).toBe(27);
  while (sender.bufferedBytes > 0) await nextTurn();
  expect(stream.written).toHaveLength(27);
});

test.each(['flush', 'close'] as const)('%s does not wait for the time to be over', async (what) => {
  const stream = new ScriptStream();
  const sender = frameSender(stream, { gather: { delayMs: 60_000 } });
  sender.trySend(five);
  await nextTurn();
  expect(stream.written).toHaveLength(0);
  await sender[what]();
  expect(stream.written).toHaveLength(what === 'flush' ? 9 : 13);
  await sender.close();
});

test('who waits for room does not wait for the time to be over', async () => {
  const stream = new ScriptStream();
  const sender = frameSender(stream, { gather: { delayMs: 60_000 } });
  await sender.sendMany(Array.from({ length: 10_000 }, () => five));
  for (let n = 0; n < 10_000; n++) await sender.send(five);
  await sender.flush();
  expect(stream.written).toHaveLength(180_000);
});

test('what is out of range is refused', () => {
  for (const gather of [{ bytes: 0 }, { bytes: 65_537 }, { bytes: 1.5 }, { delayMs: -1 }, { delayMs: NaN }])
    expect(() => frameSender(new ScriptStream(), { gather })).toThrow(RangeError);
});
