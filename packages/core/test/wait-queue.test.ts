import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deque, WaitQueue } from '@ipc/core';

test('a deque behaves like an array', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.nat(), fc.constant('shift' as const), fc.constant('clear' as const))),
      (steps) => {
        const deque = new Deque<number>();
        let model: number[] = [];
        for (const step of steps) {
          if (step === 'clear') {
            deque.clear();
            model = [];
          } else if (step === 'shift') {
            expect(deque.shift()).toBe(model.shift());
          } else {
            deque.push(step);
            model.push(step);
          }
          expect(deque.length).toBe(model.length);
          expect(deque.peek()).toBe(model[0]);
        }
      },
    ),
  );
});

test('waiters are served in order; an aborted one is skipped and leaves no listener behind', async () => {
  const queue = new WaitQueue<string, number>();
  const abort = new AbortController();
  const first = queue.wait('first', undefined);
  const second = queue.wait('second', abort.signal);
  const third = queue.wait('third', abort.signal);
  expect(queue.length).toBe(3);
  expect(queue.resolveNext(1)).toBe(true);
  abort.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
  await expect(third).rejects.toThrow('enough');
  expect(await first).toBe(1);
  expect(queue.length).toBe(0);
  expect(queue.peek()).toBeUndefined();
  expect(queue.resolveNext(2)).toBe(false);
  expect(queue.rejectNext(new Error('x'))).toBe(false);
});
