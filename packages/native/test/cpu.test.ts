import { availableParallelism } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { affinity, currentCpu, setAffinity, threadId } from '@ipc/native';
import { thrownBy } from './support.ts';

const allowed = affinity();
afterEach(() => {
  setAffinity(allowed);
});

test('a thread runs where it is told to', () => {
  expect(allowed).toHaveLength(availableParallelism());
  for (const cpu of allowed) {
    setAffinity([cpu]);
    expect(affinity()).toEqual([cpu]);
    expect(currentCpu()).toBe(cpu);
  }
  setAffinity([...allowed, ...allowed]);
  expect(affinity()).toEqual(allowed);
});

test('no processor at all is refused', () => {
  expect(
    thrownBy(() => {
      setAffinity([]);
    }),
  ).toMatchObject({ code: 'EINVAL', syscall: 'sched_setaffinity' });
  expect(
    thrownBy(() => {
      setAffinity([8191]);
    }),
  ).toMatchObject({ code: 'EINVAL' });
  expect(affinity()).toEqual(allowed);
  expect(() => {
    setAffinity([8192]);
  }).toThrow(RangeError);
  expect(() => {
    setAffinity(new Array<number>(2)); // holes
  }).toThrow(TypeError);
});

test('a thread has an id', () => {
  expect(threadId()).toBe(process.pid);
});
