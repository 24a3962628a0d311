import { join } from 'node:path';
import { PosixSemaphore } from '@ipc/sync';
import { foreign, noLeaks, uniqueName } from '@ipc/testkit';
import { afterEach, describe, expect, test } from 'vitest';

noLeaks();

const peers = join(import.meta.dirname, 'peers');

let names: string[] = [];
function semaphoreName(): string {
  const name = uniqueName('sem');
  names.push(name);
  return name;
}
afterEach(() => {
  for (const name of names) PosixSemaphore.unlink(name);
  names = [];
});

const closed = expect.objectContaining({ code: 'ERR_IPC_CLOSED' }) as Error;

test('counts, for all who open the name', async () => {
  const name = semaphoreName();
  using a = PosixSemaphore.create(name, { permits: 2 });
  using b = PosixSemaphore.open(name);
  expect(b.available).toBe(2);
  expect([a.tryAcquire(), b.acquireSync(), a.tryAcquire(), a.acquireSync({ timeoutMs: 5 })]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  b.release(3);
  await a.acquire();
  expect(a.available).toBe(2);
});

test('many wait on the event loop, and are served in order', async () => {
  const name = semaphoreName();
  using a = PosixSemaphore.openOrCreate(name, { permits: 0 });
  using b = PosixSemaphore.open(name);
  const order: number[] = [];
  const all = Array.from({ length: 100 }, (_, index) => a.acquire().then(() => order.push(index)));
  b.release(100);
  await Promise.all(all);
  expect(order).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(a.available).toBe(0);
});

test('an abort leaves the semaphore as if never asked', async () => {
  const name = semaphoreName();
  using a = PosixSemaphore.openOrCreate(name, { permits: 0 });
  for (let round = 0; round < 20; round++) {
    const abort = new AbortController();
    const aborted = a.acquire({ signal: abort.signal });
    if (round % 2 === 0) a.release();
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(a.available).toBe(round % 2 === 0 ? 1 : 0);
    if (round % 2 === 0) await a.acquire();
  }
  await expect(a.acquire({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before');
});

test('close ends waits; every call after it says so', async () => {
  const name = semaphoreName();
  const a = PosixSemaphore.openOrCreate(name, { permits: 0 });
  const waiting = a.acquire();
  a.close();
  a.close();
  await expect(waiting).rejects.toEqual(closed);
  await expect(a.acquire()).rejects.toEqual(closed);
  for (const call of [
    () => a.tryAcquire(),
    () => a.acquireSync(),
    () => {
      a.release();
    },
    () => a.available,
  ])
    expect(call).toThrow(closed);
});

test('bad arguments, names and limits', () => {
  const name = semaphoreName();
  expect(() => PosixSemaphore.open(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }));
  expect(PosixSemaphore.unlink(name)).toBe(false);
  expect(() => PosixSemaphore.create('a/b')).toThrow(TypeError);
  expect(() => PosixSemaphore.create(name, { permits: -1 })).toThrow(RangeError);
  using full = PosixSemaphore.create(name, { permits: 2 ** 31 - 1 });
  expect(() => PosixSemaphore.create(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_EXISTS' }));
  expect(() => {
    full.release();
  }).toThrow(RangeError);
  expect(() => {
    full.release(0);
  }).toThrow(RangeError);
  expect(() => full.acquireSync({ timeoutMs: -1 })).toThrow(RangeError);
});

describe.each(['c', 'python'] as const)('with a program in %s', (language) => {
  const program = foreign(peers, 'posix-semaphore', language);
  test('both ways', async (context) => {
    context.skip(program === undefined, `there is nothing to run ${language} with`);
    const name = semaphoreName();
    using semaphore = PosixSemaphore.create(name, { permits: 0 });
    await using waiter = program?.(`/${name}`, 'wait', '2');
    expect(await waiter?.line()).toBe('ready');
    semaphore.release(2);
    expect([await waiter?.line(), await waiter?.line(), await waiter?.exited]).toEqual(['wait', 'wait', 0]);
    const acquired = Promise.all([semaphore.acquire(), semaphore.acquire()]);
    await using poster = program?.(`/${name}`, 'post', '3');
    await acquired;
    expect(await poster?.exited).toBe(0);
    expect([semaphore.available, semaphore.acquireSync()]).toEqual([1, true]);
  });
});
