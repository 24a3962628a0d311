import { constants } from 'node:fs';
import { eventfd, poll, POLLIN, read, semOpen, semUnlink, type NamedSemaphore } from '@ipc/native';
import { expect, onTestFinished, test } from 'vitest';
import { expectNoLeaks, owned, uniqueName } from './support.ts';

expectNoLeaks();

function opened(value: number): { name: string; semaphore: NamedSemaphore } {
  const name = uniqueName();
  const semaphore = semOpen(name, constants.O_CREAT | constants.O_EXCL, 0o600, value);
  onTestFinished(() => {
    semaphore.close();
    semUnlink(name);
  });
  return { name, semaphore };
}

const readable = (fd: number, timeoutMs: number): boolean =>
  poll(Int32Array.of(fd), Int16Array.of(POLLIN), new Int16Array(1), timeoutMs) === 1;

test('permits are shared by all who open the name', () => {
  const { name, semaphore } = opened(1);
  const other = semOpen(name, 0, 0, 0);
  expect([other.value(), other.tryWait(), semaphore.tryWait(), semaphore.value()]).toEqual([
    1,
    true,
    false,
    0,
  ]);
  semaphore.post();
  other.close();
  other.close();
  expect(semaphore.wait(-1)).toBe(true);
  for (const call of [() => other.tryWait(), () => other.wait(0), () => other.value(), () => other.stop()])
    expect(call).toThrow(expect.objectContaining({ code: 'EBADF' }));
  for (const call of [
    () => {
      other.post();
    },
    () => {
      other.start(0);
    },
    () => other.taken(),
  ])
    expect(call).toThrow(expect.objectContaining({ code: 'EBADF' }));
});

test('a blocking wait ends at its time on the monotonic clock', () => {
  const { semaphore } = opened(0);
  const startMs = performance.now();
  expect(semaphore.wait(20.5)).toBe(false);
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(20);
  expect(semaphore.wait(0)).toBe(false);
  expect(() => semaphore.wait(-2)).toThrow(RangeError);
  expect(() => semaphore.wait('1' as unknown as number)).toThrow(TypeError);
});

test('a thread takes a permit when there is one, and no more when it is stopped', () => {
  const { semaphore } = opened(0);
  const fd = owned(eventfd(0));
  const drained = new Uint8Array(8);
  expect([semaphore.taken(), semaphore.stop()]).toEqual([false, false]);
  for (let round = 0; round < 50; round++) {
    semaphore.start(fd);
    semaphore.post();
    expect(readable(fd, -1)).toBe(true);
    expect([read(fd, drained, 0, 8), semaphore.taken(), semaphore.taken()]).toEqual([8, true, false]);
    semaphore.start(fd);
    expect(semaphore.stop()).toBe(false);
    semaphore.post();
    expect([semaphore.value(), semaphore.tryWait()]).toEqual([1, true]);
  }
  // Posted just before it is stopped: taken by one of the two.
  for (let round = 0; round < 200; round++) {
    semaphore.start(fd);
    semaphore.post();
    expect(Number(semaphore.stop()) + semaphore.value()).toBe(1);
    while (semaphore.tryWait());
  }
  expect(() => {
    semaphore.start(-1);
  }).toThrow(RangeError);
});

test('closing gives back what the thread took unseen', () => {
  const { name, semaphore } = opened(0);
  const other = semOpen(name, 0, 0, 0);
  const fd = owned(eventfd(0));
  other.start(fd);
  semaphore.post();
  expect(readable(fd, -1)).toBe(true);
  expect(semaphore.value()).toBe(0);
  other.close();
  expect(semaphore.value()).toBe(1);
});

test('errors name the call; methods want their own kind of this', () => {
  expect(() => semOpen(uniqueName(), 0, 0, 0)).toThrow(
    expect.objectContaining({ code: 'ENOENT', syscall: 'sem_open' }),
  );
  expect(() => {
    semUnlink(uniqueName());
  }).toThrow(expect.objectContaining({ code: 'ENOENT', syscall: 'sem_unlink' }));
  const { name, semaphore } = opened(2 ** 31 - 1);
  expect(() => {
    semaphore.post();
  }).toThrow(expect.objectContaining({ code: 'EOVERFLOW' }));
  expect(() => semOpen(name, constants.O_CREAT | constants.O_EXCL, 0o600, 0)).toThrow(
    expect.objectContaining({ code: 'EEXIST' }),
  );
  const Class = semaphore.constructor as unknown as () => unknown;
  for (const wrong of [{}, 1, undefined]) expect(() => semaphore.tryWait.call(wrong)).toThrow(TypeError);
  expect(() => Class()).toThrow(TypeError);
});
