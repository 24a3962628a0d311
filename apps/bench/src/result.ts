/**
 * What a run has measured: one JSON object `{ schema, environment, results }`.
 *
 * Rates are medians over the processes, each of which says the median of its repeats; percentiles are exact and over the samples
 * of all repeats. A figure that does not apply to a scenario is absent.
 */
import type { Depth } from './depth.ts';
import type { Environment } from './environment.ts';
import type { Latency, LatencyDetail } from './latency.ts';
import type { CpuPair } from './placement.ts';
import type { Placement } from './scenario.ts';

export const resultSchema = 'ipc-bench/1';

export interface BenchReport {
  readonly schema: typeof resultSchema;
  readonly environment: Environment & { readonly run: RunFacts };
  readonly results: readonly Result[];
}

/** How the run went. */
export interface RunFacts {
  readonly startedAt: string;
  readonly durationMs: number;
  /** False when it was interrupted or something failed: the results are those there were. */
  readonly complete: boolean;
  readonly repeats: number;
  /** How thorough it was. */
  readonly depth?: Depth;
  /** The processors of leader and follower; `null` is any. */
  readonly placements: Readonly<Partial<Record<Placement, CpuPair | null>>>;
  /** How the processes were kept on their processors, or `null`: the placements are then only names. */
  readonly pinnedBy: string | null;
  /** Subjects that this machine or installation does not offer, and a missing floor. */
  readonly skipped: readonly Skipped[];
  /** What was lost, damaged or broken. Not empty: the run has failed. */
  readonly failures: readonly Failure[];
  /** A cache line's way between the two cores, before and after: when it moved, so did everything else. */
  readonly coreToCoreNs: { readonly before: number; readonly after: number } | null;
  /** The same between each two of some physical cores, where there are more than two. */
  readonly coreMatrix?: CoreMatrix;
  /** What part of the processors' time other virtual machines took meanwhile; `null` where nobody tells. */
  readonly stolen?: number | null;
}

export interface CoreMatrix {
  readonly cpus: readonly number[];
  /** Nanoseconds one way, by the places of the two in `cpus`; `null` for one and the same. */
  readonly latencyNs: readonly (readonly (number | null)[])[];
}

export interface Skipped {
  readonly subject: string;
  readonly reason: string;
}

export interface Failure {
  readonly subject: string;
  readonly placement: Placement;
  readonly scenario?: string;
  readonly messageBytes?: number;
  readonly reason: string;
}

export interface Result {
  readonly subject: string;
  readonly scenario: string;
  /** 0 for a lock. */
  readonly messageBytes: number;
  readonly placement: Placement;
  /** Of a scaling scenario: how many processes beside the leader. Absent: one. */
  readonly followers?: number;
  readonly messagesPerSecond?: number;
  readonly bytesPerSecond?: number;
  /** Exact, over the samples of all repeats; `null` where there are too few to tell: fewer than ten beyond it. */
  readonly latencyNs?: Latency;
  readonly latencyDetail?: LatencyDetail;
  /** Pairs of acquire and release, of all processes together. */
  readonly operationsPerSecond?: number;
  /**
   * 1 is as good as the C floor: the ratio of the rates, or the floor's p50 over this one. Of each repeat and the floor that was
   * measured right after it; in the middle of those, not the ratio of the two middles.
   */
  readonly floorFraction?: number;
  /** Where that lies with 95 % confidence, like {@link Result.interval}. */
  readonly floorFractionInterval?: readonly [low: number, high: number];
  readonly floor?: FloorMedians;
  readonly repeats: number;
  /** Latency samples, over all repeats. */
  readonly samples?: number;
  /** The rate, or the p50, of each repeat, in the order of time. */
  readonly perRepeat: readonly number[];
  /** Which of the processes that were started one after the other have measured each of {@link Result.perRepeat}: 0, 0, 1, … */
  readonly crews?: readonly number[];
  /** Where their median lies with 95 % confidence, by bootstrap over the processes and their repeats. */
  readonly interval: readonly [low: number, high: number];
  /** Processor seconds of all processes for a million messages or operations, warm-up included. */
  readonly cpuSecondsPerMillion?: number;
  /** Memory of all processes together, afterwards. */
  readonly residentBytes?: number;
}

/** The medians of the floor's repeats, each measured beside the one it is compared with. */
export interface FloorMedians {
  readonly messagesPerSecond?: number;
  readonly operationsPerSecond?: number;
  readonly latencyNs?: { readonly p50: number; readonly p99: number };
}

/** What identifies a result. */
export type ResultKey = Pick<Result, 'subject' | 'scenario' | 'messageBytes' | 'placement' | 'followers'>;

/** The same for the same key, and for no other. */
export function idOf({ subject, scenario, messageBytes, placement, followers = 1 }: ResultKey): string {
  return [subject, scenario, messageBytes, placement, followers].join(' ');
}

/** Half an interval in parts of its middle. */
export function relativeError([low, high]: Result['interval']): number {
  return (high - low) / (high + low);
}
