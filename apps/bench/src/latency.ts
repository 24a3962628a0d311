/** What is kept of the latencies of a result: enough for each table and plot, and to be merged with others. */
import * as hdr from 'hdr-histogram-js';
import { percentile, sorted, supportsPercentile } from './statistics.ts';

/** Nanoseconds. A percentile is `null` where fewer than ten samples lie beyond it. */
export interface Latency {
  readonly p50: number;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number;
}

/** How often latencies were of each magnitude: bins that grow evenly from `leastNs` to `mostNs`. */
interface LatencyShape {
  readonly leastNs: number;
  readonly mostNs: number;
  readonly counts: readonly number[];
}

export interface LatencyDetail {
  readonly shape: LatencyShape;
  /** Pairs of a fraction and its percentile in nanoseconds, as far as the samples support it. */
  readonly spectrum: readonly (readonly [fraction: number, latencyNs: number])[];
  /** The worst of each part of the last repeat, in the order of time: stalls stand out. */
  readonly worstNs: readonly number[];
  /** HdrHistogram V2, compressed, base64: nanoseconds with three digits. */
  readonly hdr: string;
}

const bins = 24;
const parts = 200;

/** @param repeats - The latencies of each repeat, in the order of time; at least one sample. */
export function summarise(repeats: readonly Float64Array[]): { latency: Latency; detail: LatencyDetail } {
  const ascending = sorted(repeats.flatMap((samples) => [...samples]));
  const supported = (fraction: number): number | null =>
    supportsPercentile(ascending.length, fraction) ? percentile(ascending, fraction) : null;
  const latency = {
    p50: percentile(ascending, 0.5),
    p90: supported(0.9),
    p99: supported(0.99),
    p999: supported(0.999),
    max: percentile(ascending, 1),
  };
  const detail = {
    shape: toShape(ascending),
    spectrum: toSpectrum(ascending),
    worstNs: toWorst(repeats.at(-1) ?? new Float64Array()),
    hdr: toHdr(ascending),
  };
  return { latency, detail };
}

function toShape(ascending: Float64Array): LatencyShape {
  const leastNs = Math.max(1, percentile(ascending, Number.MIN_VALUE));
  const mostNs = Math.max(leastNs, percentile(ascending, 1));
  const scale = bins / Math.log(Math.max(mostNs / leastNs, 1 + Number.EPSILON));
  const counts = new Array<number>(bins).fill(0);
  for (const value of ascending) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(Math.log(Math.max(value, 1) / leastNs) * scale)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { leastNs, mostNs, counts };
}

/** Each fraction leaves a sixth less beyond it than the one before: evenly spaced over 1 / (1 - fraction). */
function toSpectrum(ascending: Float64Array): [number, number][] {
  const points: [number, number][] = [];
  for (let beyond = 0.9; ascending.length * beyond >= 10; beyond /= 1.2) {
    points.push([1 - beyond, percentile(ascending, 1 - beyond)]);
  }
  return points;
}

function toWorst(samples: Float64Array): number[] {
  const length = Math.max(1, Math.ceil(samples.length / parts));
  return Array.from({ length: Math.ceil(samples.length / length) }, (_, part) =>
    samples.subarray(part * length, (part + 1) * length).reduce((worst, value) => Math.max(worst, value), 0),
  );
}

function toHdr(samples: Float64Array): string {
  const histogram = hdr.build({ numberOfSignificantValueDigits: 3, useWebAssembly: false });
  for (const value of samples) histogram.recordValue(Math.max(1, Math.round(value)));
  return hdr.encodeIntoCompressedBase64(histogram);
}
