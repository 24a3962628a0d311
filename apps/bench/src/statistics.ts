/** Exact order statistics of raw samples. Nothing is estimated, nothing is smoothed. */

/** Ascending copy. */
export function sorted(samples: ArrayLike<number>): Float64Array {
  return new Float64Array(samples).sort();
}

/**
 * The nearest-rank percentile: the least sample that at least `fraction` of all samples do not exceed.
 *
 * @param ascending - Sorted samples, at least one.
 * @param fraction - 0 < fraction <= 1; 0.5 is the (lower) median.
 * @throws {RangeError} No samples, or a fraction out of range.
 */
export function percentile(ascending: Float64Array, fraction: number): number {
  if (!(fraction > 0 && fraction <= 1))
    throw new RangeError(`a percentile is a fraction in (0, 1], not ${fraction}`);
  const value = ascending[Math.max(1, Math.ceil(ascending.length * fraction)) - 1];
  if (value === undefined) throw new RangeError('a percentile needs at least one sample');
  return value;
}

/** Whether so many samples say anything about a percentile: ten of them have to lie beyond it. */
export function supportsPercentile(sampleCount: number, fraction: number): boolean {
  return sampleCount * (1 - fraction) >= 10 - 1e-9;
}

/** The middle value; of an even number the mean of the two middle ones. */
export function median(values: ArrayLike<number>): number {
  const ascending = sorted(values);
  const middle = ascending.length >> 1;
  const upper = ascending[middle];
  if (upper === undefined) throw new RangeError('a median needs at least one value');
  const lower = ascending.length % 2 === 0 ? (ascending[middle - 1] ?? upper) : upper;
  return lower === upper ? upper : lower / 2 + upper / 2; // halved first: the sum may overflow
}
