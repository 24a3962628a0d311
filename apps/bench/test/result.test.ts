import { describe, expect, test } from 'vitest';
import { ResultTable, toResult, type ResultKey } from '../src/result.ts';

const key: ResultKey = { subject: 'a.b', scenario: 'throughput', messageBytes: 64, placement: 'cross-core' };

describe('a result', () => {
  test('of a throughput: the median rate, in bytes too, and its fraction of the floor', () => {
    const repeats = [100, 400, 200].map((messagesPerSecond) => ({ messagesPerSecond }));
    const floors = [800, 400, 1].map((messagesPerSecond) => ({ elapsedNs: 1, messagesPerSecond }));
    expect(toResult(key, repeats, floors)).toEqual({
      ...key,
      messagesPerSecond: 200,
      bytesPerSecond: 12_800,
      floorFraction: 0.5,
      floor: { messagesPerSecond: 400 },
      repeats: 3,
      perRepeat: [100, 400, 200],
      interval: [100, 400],
    });
  });

  test('of a round trip: exact percentiles of all samples; the faster floor makes the smaller fraction', () => {
    const latencyNs = Float64Array.from({ length: 600 }, (_, index) => index + 1);
    const floor = { elapsedNs: 1, messagesPerSecond: 1, latencyNs: { p50: 100, p99: 200 } };
    const result = toResult({ ...key, scenario: 'round-trip' }, [{ latencyNs }, { latencyNs }], [floor]);
    expect(result).toMatchObject({ latencyNs: { p50: 300, p99: 594 }, samples: 1200, perRepeat: [300, 300] });
    expect(result.floorFraction).toBeCloseTo(1 / 3);
    expect(result).not.toHaveProperty('messagesPerSecond');
    expect(result.floor).not.toHaveProperty('messagesPerSecond');
  });

  test('has no p99 that its samples do not support', () => {
    const latencyNs = Float64Array.from({ length: 999 }, (_, index) => index);
    expect(toResult(key, [{ latencyNs }], []).latencyNs).toMatchObject({ p50: 499, p99: null });
  });

  test('of a lock: operations', () => {
    const lock = { ...key, scenario: 'lock-contended', messageBytes: 0 };
    const floor = { elapsedNs: 1, operationsPerSecond: 40 };
    expect(toResult(lock, [{ operationsPerSecond: 10 }], [floor])).toMatchObject({
      operationsPerSecond: 10,
      floorFraction: 0.25,
    });
  });
});

test('repeats of one result are gathered, others kept apart, in the order of the first', () => {
  const table = new ResultTable();
  const other: ResultKey = { ...key, placement: 'same-core' };
  table.add(key, { messagesPerSecond: 1 }, undefined);
  table.add(other, { messagesPerSecond: 2 }, undefined);
  table.add(key, { messagesPerSecond: 3 }, undefined);
  expect(table.results().map(({ placement, repeats }) => [placement, repeats])).toEqual([
    ['cross-core', 2],
    ['same-core', 1],
  ]);
});
