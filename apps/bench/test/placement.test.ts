import { expect, test } from 'vitest';
import { choosePlacements, parseCpuList } from '../src/placement.ts';

test('lists of processors', () => {
  expect(parseCpuList('0-2,5')).toEqual([0, 1, 2, 5]);
  expect(parseCpuList('3\n')).toEqual([3]);
  expect(parseCpuList('')).toEqual([]);
});

test('across cores means another physical core where there is one', () => {
  const siblings = (cpu: number): number[] => [cpu & ~1, cpu | 1];
  expect(choosePlacements([0, 1, 2, 3], siblings)).toEqual(
    new Map([
      ['cross-core', [0, 2]],
      ['same-core', [0, 0]],
    ]),
  );
  expect(choosePlacements([0, 1], siblings).get('cross-core')).toEqual([0, 1]);
});

test('one processor is one placement', () => {
  expect([...choosePlacements([4]).keys()]).toEqual(['same-core']);
});
