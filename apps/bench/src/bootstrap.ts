/**
 * Percentile bootstrap: how far the median of few repeats may be trusted.
 *
 * Repeats are resampled, never the samples inside one, which depend on each other. Source: B. Efron, R. Tibshirani,
 * An Introduction to the Bootstrap (1993), chapter 13; criterion.rs does the same.
 */
import { median, percentile, sorted } from './statistics.ts';

const resamples = 2000;

/**
 * The interval in which the median lies with `confidence`, as far as so few values can tell. The same values always
 * have the same interval.
 *
 * @param values - One per repeat. One value is an interval of no width: it knows nothing of its error.
 * @throws {RangeError} There are none.
 */
export function medianInterval(
  values: readonly number[],
  confidence: number = 0.95,
): readonly [low: number, high: number] {
  const random = xorshift(values.length);
  const medians = sorted(
    Array.from({ length: resamples }, () =>
      median(values.map((_, __, all) => all[Math.floor(random() * all.length)] ?? NaN)),
    ),
  );
  const tail = (1 - confidence) / 2;
  return [percentile(medians, tail), percentile(medians, 1 - tail)];
}

/** Numbers in [0, 1), the same for each seed. Source: G. Marsaglia, Xorshift RNGs (2003). */
function xorshift(seed: number): () => number {
  let state = (seed * 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
