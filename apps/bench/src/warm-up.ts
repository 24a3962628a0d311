/** When a path is warm: the compiler has done for it what it does. */
import type { Figures } from './scenario.ts';
import { percentile, sorted } from './statistics.ts';

/** A figure that is better by less than this has not grown. */
const growth = 1.05;
/** V8 makes pauses between two steps: so many slices have to show nothing better than those before. */
const levelSlices = 3;

/** How good it is, whatever it counts: operations in a second, one after the other where only their latency is known. */
export function rateOf({ messagesPerSecond, operationsPerSecond, latencyNs }: Figures): number {
  return messagesPerSecond ?? operationsPerSecond ?? 1e9 / percentile(sorted(latencyNs ?? []), 0.5);
}

/** @param rates - Of all slices so far, in the order of time. */
export function isWarm(rates: readonly number[]): boolean {
  if (rates.length <= levelSlices) return false;
  const before = Math.max(...rates.slice(0, -levelSlices));
  return Math.max(...rates.slice(-levelSlices)) < before * growth;
}
