import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { expect, test } from 'vitest';
import { summarise } from '../src/latency.ts';

const samples = Float64Array.from({ length: 1000 }, (_, index) => (index + 1) * 1000);

test('percentiles are exact, and none is told that has fewer than ten samples beyond it', () => {
  expect(summarise([samples]).latency).toEqual({ p50: 5e5, p90: 9e5, p99: 9.9e5, p999: null, max: 1e6 });
  expect(summarise([samples.slice(0, 99)]).latency).toMatchObject({ p90: null, p99: null });
  const { spectrum } = summarise([samples]).detail;
  for (const [fraction] of spectrum) expect(samples.length * (1 - fraction)).toBeGreaterThanOrEqual(9.999);
});

test('the shape counts each sample once', () => {
  for (const some of [samples, Float64Array.of(5), Float64Array.of(0, 0, 1)]) {
    const { counts } = summarise([some]).detail.shape;
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(some.length);
  }
});

test('the HDR histogram reads back, within its three digits', () => {
  const histogram = decodeFromCompressedBase64(summarise([samples, samples]).detail.hdr);
  expect(histogram.totalCount).toBe(2000);
  expect(Math.abs(histogram.getValueAtPercentile(50) / 5e5 - 1)).toBeLessThan(0.001);
});

test('a stall is in the last repeat, where it was', () => {
  const stalled = Float64Array.from({ length: 400 }, (_, index) => (index === 200 ? 2e7 : 1000));
  const { worstNs } = summarise([samples, stalled]).detail;
  expect(worstNs).toHaveLength(200);
  expect(worstNs.indexOf(2e7)).toBe(100);
});
