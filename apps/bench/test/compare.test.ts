import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { medianInterval } from '../src/bootstrap.ts';
import { compareResults, type Verdict } from '../src/compare.ts';
import type { Result } from '../src/result.ts';
import { median } from '../src/statistics.ts';

const key = { subject: 'a.b', messageBytes: 64, placement: 'cross-core', repeats: 3 } as const;

function rateOf(perRepeat: readonly number[]): Result {
  const figures = { messagesPerSecond: median(perRepeat), perRepeat, interval: medianInterval([perRepeat]) };
  return { ...key, scenario: 'throughput', ...figures };
}

function timeOf(perRepeat: readonly number[]): Result {
  const latencyNs = { p50: median(perRepeat), p90: null, p99: null, p999: null, max: Math.max(...perRepeat) };
  return { ...key, scenario: 'round-trip', latencyNs, perRepeat, interval: medianInterval([perRepeat]) };
}

const steady = [100, 101, 99, 100, 100];
const half = [50, 51, 49, 50, 50];
const wild = [20, 100, 40, 140, 60];

describe('a change', () => {
  test.each<[string, readonly number[], readonly number[], Verdict]>([
    ['half as many is worse', steady, half, 'worse'],
    ['twice as many is better', half, steady, 'better'],
    ['under the threshold is none', steady, [95, 96, 95, 94, 95], 'same'],
    ['that the spread explains is unsure', wild, half.map((value) => value * 0.8), 'unsure'],
    ['of nothing is none', steady, steady, 'same'],
  ])('%s', (_, before, after, verdict) => {
    expect(compareResults(rateOf(before), rateOf(after), 0.1).verdict).toBe(verdict);
  });

  test('of a latency is better when it shrinks', () => {
    expect(compareResults(timeOf(steady), timeOf(half), 0.1)).toMatchObject({
      verdict: 'better',
      speedup: 2,
    });
    expect(compareResults(timeOf(half), timeOf(steady), 0.1).verdict).toBe('worse');
  });
});

describe('the interval of a median', () => {
  const values = fc.array(fc.double({ min: 1, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 15 });

  test('holds the median, stays within the values, and is the same each time', () => {
    fc.assert(
      fc.property(values, (repeats) => {
        const [low, high] = medianInterval([repeats]);
        expect(low).toBeLessThanOrEqual(median(repeats));
        expect(high).toBeGreaterThanOrEqual(median(repeats));
        expect(low).toBeGreaterThanOrEqual(Math.min(...repeats));
        expect(high).toBeLessThanOrEqual(Math.max(...repeats));
        expect(medianInterval([repeats])).toEqual([low, high]);
      }),
      { numRuns: 50 },
    );
  });

  test('holds the true median about as often as it says', () => {
    // Sums of uniform numbers lie around 6 evenly. Twenty repeats each; 95 % nominal, bootstrap of medians: at least 90.
    let state = 1;
    const uniform = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    let holds = 0;
    for (let run = 0; run < 200; run++) {
      const repeats = Array.from({ length: 20 }, () =>
        Array.from({ length: 12 }, uniform).reduce((sum, value) => sum + value, 0),
      );
      const [low, high] = medianInterval([repeats]);
      if (low <= 6 && 6 <= high) holds++;
    }
    expect(holds).toBeGreaterThan(180);
    expect(holds).toBeLessThan(200);
  });
});
