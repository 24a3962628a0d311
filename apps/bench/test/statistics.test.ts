import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { median, percentile, sorted, supportsPercentile } from '../src/statistics.ts';

const samples = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
  minLength: 1,
  maxLength: 200,
});
const fraction = fc.double({ min: 0, max: 1, minExcluded: true, noNaN: true });

/** The definition, word by word: the least sample that at least `share` of all samples do not exceed. */
function referencePercentile(values: readonly number[], share: number): number {
  const candidates = values.filter(
    (value) => values.filter((other) => other <= value).length >= Math.ceil(values.length * share),
  );
  return Math.min(...candidates);
}

describe('percentile', () => {
  test('is the least sample that the fraction of all samples does not exceed', () => {
    fc.assert(
      fc.property(samples, fraction, (values, share) => {
        expect(percentile(sorted(values), share)).toBeOneOf([referencePercentile(values, share), 0, -0]);
        expect(percentile(sorted(values), share) === referencePercentile(values, share)).toBe(true);
      }),
    );
  });

  test('of known samples', () => {
    const ascending = Float64Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentile(ascending, 0.5)).toBe(50);
    expect(percentile(ascending, 0.99)).toBe(99);
    expect(percentile(ascending, 1)).toBe(100);
    expect(percentile(Float64Array.of(7), 0.01)).toBe(7);
  });

  test('refuses no samples and fractions out of range', () => {
    expect(() => percentile(new Float64Array(), 0.5)).toThrow(RangeError);
    for (const wrong of [0, -0.1, 1.1, NaN])
      expect(() => percentile(Float64Array.of(1), wrong)).toThrow(RangeError);
  });
});

describe('median', () => {
  test('has as many values above as below, and is one of them or between two', () => {
    fc.assert(
      fc.property(samples, (values) => {
        const middle = median(values);
        expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(values.length / 2);
        expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });

  test('of known values', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });
});

test('a percentile needs ten samples beyond it', () => {
  expect(supportsPercentile(999, 0.99)).toBe(false);
  expect(supportsPercentile(1000, 0.99)).toBe(true);
  expect(supportsPercentile(20, 0.5)).toBe(true);
});

test('the median of huge values does not overflow', () => {
  expect(median([Number.MAX_VALUE])).toBe(Number.MAX_VALUE);
  expect(median([Number.MAX_VALUE, Number.MAX_VALUE])).toBe(Number.MAX_VALUE);
});
