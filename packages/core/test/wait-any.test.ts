import { expect, onTestFinished, test } from 'vitest';
import { memory, utf8, waitAny, withCodec, type Channel } from '@ipc/core';

let pairs = 0;
async function pair(): Promise<[here: Channel<string>, there: Channel<string>]> {
  const transport = memory();
  await using listener = await transport.listen(`wait-any-${++pairs}`);
  const [here, there] = await Promise.all([transport.connect(listener.name), listener.accept()]);
  onTestFinished(async () => {
    await Promise.all([here.close(), there.close()]);
  });
  return [withCodec(here, utf8), withCodec(there, utf8)];
}

test('ready waits for a message and consumes nothing, whoever takes it then', async () => {
  const [here, there] = await pair();
  const ready = there.ready();
  let isReady = false;
  void ready.then(() => (isReady = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isReady).toBe(false);
  await here.sendMany(['1', '2', '3', '4', '5', '6']);
  await ready;
  expect(there.tryReceive()).toBe('1');
  await there.ready();
  await there.ready();
  expect(await there.receive()).toBe('2');
  await there.ready();
  const seen: string[] = [];
  expect(there.drain((message) => seen.push(message), 0)).toBe(0);
  expect(there.drain((message) => seen.push(message), 1)).toBe(1);
  await there.ready();
  expect(there.drain((message) => seen.push(message), 2)).toBe(2);
  await there.ready();
  expect(() =>
    there.drain((message) => {
      throw new Error(message);
    }),
  ).toThrow('6');
  expect(seen).toEqual(['3', '4', '5']);
  expect(there.tryReceive()).toBeUndefined();
});

test('who waits for a message gets it before who only waits for ready', async () => {
  const [here, there] = await pair();
  let isReady = false;
  const ready = there.ready().then(() => (isReady = true));
  const received = there.receive();
  await here.send('1');
  expect(await received).toBe('1');
  await new Promise((resolve) => setImmediate(resolve));
  expect(isReady).toBe(false);
  await here.send('2');
  await ready;
  expect(await there.receive()).toBe('2');
});

test('ready tells of the end, behind the last message; of an abort; of a local close', async () => {
  const [here, there] = await pair();
  await expect(there.ready({ signal: AbortSignal.abort('no') })).rejects.toBe('no');
  const abort = new AbortController();
  const aborted = there.ready({ signal: abort.signal });
  abort.abort('enough');
  await expect(aborted).rejects.toBe('enough');
  await here.send('last');
  await here.close();
  await there.ready();
  expect(await there.receive()).toBe('last');
  await there.ready();
  expect(await there.receive()).toBeUndefined();
  const [, other] = await pair();
  const waiting = other.ready();
  await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' }), other.close()]);
  await expect(other.ready()).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
});

test('a drain of no messages drops none, also at the end', async () => {
  const [here, there] = await pair();
  await here.send('last');
  await here.close();
  expect(there.drain(() => undefined, 0)).toBe(0);
  expect(await there.receive()).toBe('last');
});

test('waitAny names the first that is ready, and leaves the others as they were', async () => {
  const [a, b, c] = await Promise.all([pair(), pair(), pair()]);
  const sources = [a[1], b[1], c[1]];
  const first = waitAny(sources);
  await b[0].send('b');
  expect(await first).toBe(1);
  await c[0].send('c');
  expect(await waitAny(sources)).toBe(1);
  expect(b[1].tryReceive()).toBe('b');
  expect(await waitAny(sources)).toBe(2);
  expect(c[1].tryReceive()).toBe('c');
  await a[0].send('a');
  expect(await a[1].receive()).toBe('a');
  await a[0].close();
  expect(await waitAny(sources)).toBe(0);
  expect(await a[1].receive()).toBeUndefined();
});

test('waitAny is given up by its signal, and refuses to wait for nothing', async () => {
  const [, there] = await pair();
  const abort = new AbortController();
  const waiting = waitAny([there], { signal: abort.signal });
  abort.abort('enough');
  await expect(waiting).rejects.toBe('enough');
  await expect(waitAny([there], { signal: AbortSignal.abort('before') })).rejects.toBe('before');
  await expect(waitAny([])).rejects.toThrow(RangeError);
});

test('a thousand waits in a row leave nothing behind', async () => {
  const [a, b] = await Promise.all([pair(), pair()]);
  for (let i = 0; i < 1000; i++) {
    const waiting = waitAny([a[1], b[1]]);
    await (i % 2 === 0 ? a : b)[0].send(`${i}`);
    const index = await waiting;
    expect(index).toBe(i % 2);
    expect((index === 0 ? a : b)[1].tryReceive()).toBe(`${i}`);
  }
  const received = a[1].receive();
  await a[0].send('still in order');
  expect(await received).toBe('still in order');
});
