import { describe, expect, test } from 'vitest';
import type { FloorFigures } from '../src/floor.ts';
import type { ResultKey } from '../src/result.ts';
import { ResultTable, toResult, type Repeat } from '../src/result-table.ts';
import type { Figures } from '../src/scenario.ts';

const key: ResultKey = { subject: 'a.b', scenario: 'throughput', messageBytes: 64, placement: 'cross-core' };

/** Of processes of its own, unless others are given. */
const repeat = (figures: Figures, floor?: FloorFigures, crew: object = {}): Repeat => ({
  figures,
  floor,
  crew,
});
const rate = (messagesPerSecond: number): { elapsedNs: number; messagesPerSecond: number } => ({
  elapsedNs: 1,
  messagesPerSecond,
});

describe('a result', () => {
  test('of a throughput: the median rate, in bytes too', () => {
    expect(
      toResult(
        key,
        [100, 400, 200].map((value) => repeat(rate(value))),
      ),
    ).toEqual({
      ...key,
      messagesPerSecond: 200,
      bytesPerSecond: 12_800,
      repeats: 3,
      perRepeat: [100, 400, 200],
      crews: [0, 1, 2],
      interval: [100, 400],
    });
  });

  test('is what the processes say, whichever of them was asked more often', () => {
    const [first, second, third] = [{}, {}, {}];
    const repeats = [
      ...[100, 120].map((value) => repeat(rate(value), undefined, first)),
      repeat(rate(200), undefined, second),
      ...[900, 901, 902, 903].map((value) => repeat(rate(value), undefined, third)),
    ];
    const result = toResult(key, repeats);
    expect(result).toMatchObject({ messagesPerSecond: 200, crews: [0, 0, 1, 2, 2, 2, 2] });
    // Any of the three may be the middle of others like them: that they differ is what is not certain.
    expect(result.interval[0]).toBeLessThan(130);
    expect(result.interval[1]).toBeGreaterThan(900);
  });

  test('is as near to the floor as its repeats were to the floors beside them, fast or slow as both may have been', () => {
    const repeats = [
      repeat(rate(100), rate(200)),
      repeat(rate(50), rate(100)),
      repeat(rate(7), rate(10)), // a slow phase, and noise
      repeat(rate(1)), // none beside it
    ];
    expect(toResult(key, repeats)).toMatchObject({
      messagesPerSecond: 28.5,
      floor: { messagesPerSecond: 100 },
      floorFraction: 0.5,
      floorFractionInterval: [0.5, 0.7],
    });
    expect(toResult(key, [repeat(rate(1))])).not.toHaveProperty('floorFraction');
  });

  test('of a round trip: exact percentiles of all samples; the faster floor makes the smaller fraction', () => {
    const latencyNs = Float64Array.from({ length: 600 }, (_, index) => index + 1);
    const floor = { elapsedNs: 1, messagesPerSecond: 1, latencyNs: { p50: 100, p99: 200 } };
    const repeats = [repeat({ latencyNs }, floor), repeat({ latencyNs })];
    const result = toResult({ ...key, scenario: 'round-trip' }, repeats);
    expect(result).toMatchObject({ latencyNs: { p50: 300, p99: 594 }, samples: 1200, perRepeat: [300, 300] });
    expect(result.floorFraction).toBeCloseTo(1 / 3);
    expect(result).not.toHaveProperty('messagesPerSecond');
    expect(result.floor).not.toHaveProperty('messagesPerSecond');
  });

  test('has no p99 that its samples do not support', () => {
    const latencyNs = Float64Array.from({ length: 999 }, (_, index) => index);
    expect(toResult(key, [repeat({ latencyNs })]).latencyNs).toMatchObject({ p50: 499, p99: null });
  });

  test('of a lock: operations', () => {
    const lock = { ...key, scenario: 'lock-contended', messageBytes: 0 };
    const floor = { elapsedNs: 1, operationsPerSecond: 40 };
    expect(toResult(lock, [repeat({ operationsPerSecond: 10 }, floor)])).toMatchObject({
      operationsPerSecond: 10,
      floorFraction: 0.25,
    });
  });
});

test('repeats of one result are gathered, others kept apart, in the order of the first', () => {
  const table = new ResultTable();
  const other: ResultKey = { ...key, placement: 'same-core' };
  table.add(key, repeat(rate(1)));
  table.add(other, repeat(rate(2)));
  table.add(key, repeat(rate(3)));
  expect(table.results().map(({ placement, repeats }) => [placement, repeats])).toEqual([
    ['cross-core', 2],
    ['same-core', 1],
  ]);
});

test('an estimate is the figure as it is now', () => {
  const table = new ResultTable();
  expect(table.estimate(key)).toBeUndefined();
  for (const value of [1e6, 3e6, 2e6]) table.add(key, repeat(rate(value)));
  expect(table.estimate(key)).toEqual({ perSecond: 2e6 });
  const answered: ResultKey = { ...key, scenario: 'round-trip' };
  table.add(answered, repeat({ latencyNs: Float64Array.of(12_000, 12_345, 90_000) }));
  expect(table.estimate(answered)).toEqual({ latencyNs: 12_345 });
});
