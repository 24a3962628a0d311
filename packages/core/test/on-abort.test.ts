import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { memory, onAbort, waitAny, WaitQueue } from '@ipc/core';

/** The warnings of a while, a turn later: Node emits them behind what caused them. */
async function warningsOf(cause: () => Promise<void>): Promise<Error[]> {
  const warnings: Error[] = [];
  const hear = (warning: Error): void => void warnings.push(warning);
  process.on('warning', hear);
  try {
    await cause();
    await turn();
  } finally {
    process.off('warning', hear);
  }
  return warnings;
}

test('100 waits of every sort on one signal warn nothing, and all reject with its reason', async () => {
  const abort = new AbortController();
  const { signal } = abort;
  const transport = memory();
  const listener = await transport.listen('on-abort');
  const outcomes: Promise<unknown>[] = [];
  const warnings = await warningsOf(async () => {
    const queue = new WaitQueue<undefined, undefined>();
    for (let index = 0; index < 100; index++) outcomes.push(queue.wait(undefined, signal));
    for (let index = 0; index < 100; index++) outcomes.push(listener.accept({ signal }));
    await turn();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    abort.abort(new Error('enough'));
    const settled = await Promise.allSettled(outcomes);
    expect(settled).toHaveLength(200);
    for (const one of settled) expect(one).toMatchObject({ reason: { message: 'enough' } });
  });
  expect(warnings).toEqual([]);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  await listener.close();
});

test('waitAny over more sources than Node allows listeners warns nothing', async () => {
  const queues = Array.from({ length: 30 }, () => new WaitQueue<undefined, undefined>());
  const sources = queues.map((queue) => ({
    ready: ({ signal }: { signal?: AbortSignal | undefined } = {}) => queue.wait(undefined, signal),
  }));
  const warnings = await warningsOf(async () => {
    const first = waitAny(sources);
    await turn();
    queues[17]?.resolveNext(undefined);
    expect(await first).toBe(17);
    expect(queues.map(({ length }) => length)).toEqual(queues.map(() => 0));
  });
  expect(warnings).toEqual([]);
});

test('the listener goes with the last who waits, and comes back with the next', () => {
  const abort = new AbortController();
  const told: string[] = [];
  const forgetFirst = onAbort(abort.signal, () => told.push('first'));
  const forgetSecond = onAbort(abort.signal, () => told.push('second'));
  forgetFirst();
  forgetFirst();
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
  forgetSecond();
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  onAbort(abort.signal, () => told.push('third'));
  forgetSecond(); // long gone: it takes nobody else's listener
  abort.abort();
  expect(told).toEqual(['third']);
});

test('one that another takes back on abort is not called', () => {
  const abort = new AbortController();
  const told: string[] = [];
  onAbort(abort.signal, () => {
    told.push('first');
    forgetSecond();
  });
  const forgetSecond = onAbort(abort.signal, () => told.push('second'));
  onAbort(abort.signal, () => told.push('third'));
  abort.abort();
  expect(told).toEqual(['first', 'third']);
});
