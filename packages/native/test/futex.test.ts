import { constants, readFileSync } from 'node:fs';
import { expect, test, onTestFinished } from 'vitest';
import { allocate, futexWait, futexWake, map, memfdCreate, shmOpen, shmUnlink, unmap } from '@ipc/native';
import { expectNoLeaks, owned, startWorker, uniqueName } from './support.ts';

expectNoLeaks();

function words(fd: number): Int32Array {
  allocate(fd, 4096);
  const buffer = map(fd, 4096);
  onTestFinished(() => {
    unmap(buffer);
  });
  return new Int32Array(buffer);
}

/** A named object, its words, and its name for another process. */
function named(): [Int32Array, string] {
  const name = uniqueName();
  const fd = owned(shmOpen(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));
  onTestFinished(() => {
    shmUnlink(name);
  });
  return [words(fd), name];
}

/** Whether the main thread of a process sleeps: after "waiting", that is in the futex. */
const isAsleep = (pid: number | undefined): boolean =>
  readFileSync(`/proc/${pid ?? 0}/stat`, 'utf8').includes(' S ');

test('a word that has changed is not waited for; a wait ends in time', () => {
  const memory = words(owned(memfdCreate('futex')));
  expect(futexWait(memory, 3, 1, -1)).toBe('changed');
  expect(futexWait(memory, 3, 0, 0)).toBe('timed-out');
  const start = performance.now();
  expect(futexWait(memory, 3, 0, 20.5)).toBe('timed-out');
  expect(performance.now() - start).toBeGreaterThanOrEqual(20);
  Atomics.store(memory, 3, -5);
  expect(futexWait(memory, 3, -5, 0)).toBe('timed-out');
});

test('waking none wakes none, though one sleeps', async () => {
  const [memory, name] = named();
  expect(futexWake(memory, 1, 1)).toBe(0);
  const worker = startWorker('futex', [name, '-1']);
  expect(await worker.line()).toBe('waiting');
  while (!isAsleep(worker.child.pid)) await new Promise(setImmediate);
  expect(futexWake(memory, 1, 0)).toBe(0);
  expect(futexWake(memory, 1, 1)).toBe(1);
  expect(await worker.line()).toBe('woken');
});

test('wakes a sleeper in another process, whose words lie at another address', async () => {
  const [memory, name] = named();
  const worker = startWorker('futex', [name, '-1']);
  expect(await worker.line()).toBe('waiting');
  while (futexWake(memory, 1, 1) === 0) await new Promise(setImmediate);
  expect(await worker.line()).toBe('woken');
});

test('wakes as many as asked for', async () => {
  const [memory, name] = named();
  const workers = [startWorker('futex', [name, '-1']), startWorker('futex', [name, '-1'])];
  for (const worker of workers) expect(await worker.line()).toBe('waiting');
  let woken = 0;
  while (woken < 2) {
    const now = futexWake(memory, 1, 1);
    expect(now).toBeLessThanOrEqual(1);
    woken += now;
    await new Promise(setImmediate);
  }
  for (const worker of workers) expect(await worker.line()).toBe('woken');
});

test('a wait goes on after signals, and ends at its time', async () => {
  const [, name] = named();
  const worker = startWorker('futex', [name, '300']);
  expect(await worker.line()).toBe('waiting');
  expect(await worker.lineUnderSignals()).toBe('timed-out');
});

test('a sleeper that is killed is no sleeper any more', async () => {
  const [memory, name] = named();
  const worker = startWorker('futex', [name, '-1']);
  await worker.line();
  worker.child.kill('SIGKILL');
  await worker.ended;
  expect(futexWake(memory, 1, 1)).toBe(0);
});
