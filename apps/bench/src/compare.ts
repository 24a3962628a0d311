/** Two runs side by side: what has become better or worse, beyond what chance and a threshold explain. */
import type { Environment } from './environment.ts';
import { idOf, type BenchReport, type Result } from './result.ts';

export type Verdict = 'worse' | 'better' | 'same' | 'unsure';

export interface Comparison {
  readonly before: Result;
  readonly after: Result;
  /** How many times better it is now: more operations, or less time. */
  readonly speedup: number;
  /** The least and the most that the two intervals allow. */
  readonly speedupInterval: readonly [least: number, most: number];
  readonly verdict: Verdict;
}

export interface ComparedReports {
  readonly comparisons: readonly Comparison[];
  /** Results of only one of the two. */
  readonly unmatched: readonly Result[];
  /** What else differs, and may be the reason: `processor: A, then B`. */
  readonly circumstances: readonly string[];
}

/**
 * Compares each result with the one of the same subject, scenario, size and placement.
 *
 * `worse` and `better` need both: intervals that do not touch, and a change beyond the threshold. A change beyond the
 * threshold that the intervals do not bear out is `unsure`: more repeats would tell.
 *
 * @param threshold - 0.1 is a tenth.
 */
export function compare(before: BenchReport, after: BenchReport, threshold: number): ComparedReports {
  const earlier = new Map(before.results.map((result) => [idOf(result), result]));
  const comparisons: Comparison[] = [];
  const unmatched: Result[] = [];
  for (const result of after.results) {
    const other = earlier.get(idOf(result));
    earlier.delete(idOf(result));
    if (other === undefined) unmatched.push(result);
    else comparisons.push(compareResults(other, result, threshold));
  }
  return {
    comparisons,
    unmatched: [...unmatched, ...earlier.values()],
    circumstances: changedCircumstances(before, after),
  };
}

const circumstances: readonly (readonly [name: string, of: (environment: Environment) => string])[] = [
  ['processor', ({ cpu }) => cpu.model],
  ['cores', ({ cpu }) => String(cpu.allowed.length)],
  ['kernel', ({ kernel }) => kernel],
  ['Node', ({ node }) => node],
];

/** How two machines, or two states of one, differ: `processor: A, then B`. */
export function differences(before: Environment, after: Environment): string[] {
  return circumstances
    .filter(([, of]) => of(before) !== of(after))
    .map(([name, of]) => `${name}: ${of(before)}, then ${of(after)}`);
}

function changedCircumstances(
  { environment: before }: BenchReport,
  { environment: after }: BenchReport,
): string[] {
  const [earlier = 'unknown', later = 'unknown'] = [before.run.depth, after.run.depth];
  return [...differences(before, after), ...(earlier === later ? [] : [`depth: ${earlier}, then ${later}`])];
}

export function compareResults(before: Result, after: Result, threshold: number): Comparison {
  const isTime = after.latencyNs !== undefined;
  const [beforeLow, beforeHigh] = before.interval;
  const [afterLow, afterHigh] = after.interval;
  const speedup = isTime
    ? centralFigure(before) / centralFigure(after)
    : centralFigure(after) / centralFigure(before);
  const speedupInterval: [number, number] = isTime
    ? [beforeLow / afterHigh, beforeHigh / afterLow]
    : [afterLow / beforeHigh, afterHigh / beforeLow];
  return { before, after, speedup, speedupInterval, verdict: judge(speedup, speedupInterval, threshold) };
}

function judge(speedup: number, [least, most]: readonly [number, number], threshold: number): Verdict {
  const beyond = speedup < 1 - threshold || speedup > 1 / (1 - threshold);
  if (!beyond) return 'same';
  if (most < 1) return 'worse';
  if (least > 1) return 'better';
  return 'unsure';
}

/** The one figure that a result is judged by: its rate, or its p50. */
export function centralFigure({ messagesPerSecond, operationsPerSecond, latencyNs }: Result): number {
  return messagesPerSecond ?? operationsPerSecond ?? latencyNs?.p50 ?? NaN;
}
