import { expect, test } from 'vitest';
import { isWarm, rateOf } from '../src/warm-up.ts';

/** After how many slices it is called warm. */
function slicesUntilWarm(rates: readonly number[]): number {
  return rates.findIndex((_, last) => isWarm(rates.slice(0, last + 1))) + 1;
}

test('what is level from the start is warm after the fewest slices that can show it', () => {
  expect(slicesUntilWarm([10, 10, 10, 10, 10])).toBe(4);
});

test('what grows is not warm; a step between two levels is waited for, noise is not', () => {
  expect(slicesUntilWarm([1, 2, 4, 8, 16, 32, 64])).toBe(0);
  expect(slicesUntilWarm([4, 10, 9, 18, 16, 17, 15, 16])).toBe(7);
  expect(slicesUntilWarm([10, 10.2, 9.1, 10.3, 9])).toBe(4);
});

test('a rate is better the higher it is, whatever was measured', () => {
  expect(rateOf({ messagesPerSecond: 5 })).toBe(5);
  expect(rateOf({ operationsPerSecond: 6 })).toBe(6);
  expect(rateOf({ latencyNs: Float64Array.of(3000, 1000, 2000) })).toBe(1e9 / 2000);
});
