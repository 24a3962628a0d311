/**
 * Percentile bootstrap: how far the median of few repeats may be trusted.
 *
 * Repeats that the same processes have measured are more alike than others: their compiler has decided once, and their memory
 * lies where it lies. So it is processes that are drawn, and then of each their repeats; never the samples inside one, which
 * depend on each other. Source: A. C. Davison, D. V. Hinkley, Bootstrap Methods and their Application (1997), section 3.8;
 * for one level B. Efron, R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
 */
import { median, percentile } from './statistics.ts';

const resamples = 2000;

/** The figures of all repeats, by the processes that have measured them; none is empty. */
export type Nested = readonly (readonly number[])[];

/**
 * The middle of what the processes say, each of which says the median of its repeats: who was asked more often has no more weight.
 *
 * @throws {RangeError} There are none.
 */
export function nestedMedian(values: Nested): number {
  return median(values.map(median));
}

/**
 * The interval in which that median lies with `confidence`, as far as so few values can tell. The same values always
 * have the same interval.
 *
 * @param values - One value is an interval of no width: it knows nothing of its error.
 * @throws {RangeError} There are none.
 */
export function medianInterval(
  values: Nested,
  confidence: number = 0.95,
): readonly [low: number, high: number] {
  const random = xorshift(values.length);
  const anyOf = <T>(from: readonly T[], instead: T): T => from[Math.floor(random() * from.length)] ?? instead;
  const medians = new Float64Array(resamples);
  const drawn = new Float64Array(values.length);
  for (let resample = 0; resample < resamples; resample++) {
    for (let index = 0; index < drawn.length; index++) {
      const own = anyOf(values, []);
      drawn[index] = own.length === 1 ? (own[0] ?? NaN) : middleOf(own.map((value) => anyOf(own, value)));
    }
    medians[resample] = middleOf(drawn);
  }
  medians.sort();
  const tail = (1 - confidence) / 2;
  return [percentile(medians, tail), percentile(medians, 1 - tail)];
}

/** The median of a few, which it sorts by insertion: a sorted copy for each of millions would take seconds. */
function middleOf(few: number[] | Float64Array): number {
  for (let end = 1; end < few.length; end++) {
    const value = few[end] ?? 0;
    let at = end;
    for (let before = few[at - 1] ?? 0; at > 0 && before > value; before = few[at - 1] ?? 0)
      few[at--] = before;
    few[at] = value;
  }
  const middle = few.length >> 1;
  const upper = few[middle] ?? 0;
  return few.length % 2 === 1 ? upper : (few[middle - 1] ?? 0) / 2 + upper / 2;
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
