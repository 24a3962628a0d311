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
