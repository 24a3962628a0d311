/**
 * What a run has measured: one JSON object `{ schema, environment, results }`.
 *
 * Rates are medians over the repeats, percentiles are exact and over the samples of all repeats. A figure that does
 * not apply to a scenario is absent.
 */
import { medianInterval } from './bootstrap.ts';
import type { Depth } from './depth.ts';
import type { Environment } from './environment.ts';
import type { FloorFigures } from './floor.ts';
import { summarise, type Latency, type LatencyDetail } from './latency.ts';
import type { CpuPair } from './placement.ts';
import type { Figures, Placement } from './scenario.ts';
import { median, percentile, sorted } from './statistics.ts';

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
  /** 1 is as good as the C floor in the same run: the ratio of the rates, or the floor's p50 over this one. */
  readonly floorFraction?: number;
  readonly floor?: FloorMedians;
  readonly repeats: number;
  /** Latency samples, over all repeats. */
  readonly samples?: number;
  /** The rate, or the p50, of each repeat, in the order of time. */
  readonly perRepeat: readonly number[];
  /** Where their median lies with 95 % confidence, by bootstrap over the repeats. */
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

/** Gathers the repeats of each result, in the order of the first. */
export class ResultTable {
  readonly #rows = new Map<string, { key: ResultKey; repeats: Figures[]; floors: FloorFigures[] }>();

  add(key: ResultKey, figures: Figures, floor: FloorFigures | undefined): void {
    const id = idOf(key);
    let row = this.#rows.get(id);
    if (row === undefined) this.#rows.set(id, (row = { key, repeats: [], floors: [] }));
    row.repeats.push(figures);
    if (floor !== undefined) row.floors.push(floor);
  }

  /** Half the interval in parts of the figure; 0 where there is none, or so many repeats that more are not wanted. */
  uncertainty(key: ResultKey, mostRepeats: number): number {
    const repeats = this.#rows.get(idOf(key))?.repeats ?? [];
    if (repeats.length === 0 || repeats.length >= mostRepeats) return 0;
    return relativeError(medianInterval(repeats.map(centralFigure)));
  }

  /** How many latencies there are so far. */
  samples(key: ResultKey): number {
    const repeats = this.#rows.get(idOf(key))?.repeats ?? [];
    return repeats.reduce((sum, { latencyNs }) => sum + (latencyNs?.length ?? 0), 0);
  }

  results(): Result[] {
    return [...this.#rows.values()].map(({ key, repeats, floors }) => toResult(key, repeats, floors));
  }
}

export function toResult(
  key: ResultKey,
  repeats: readonly Figures[],
  floors: readonly FloorFigures[],
): Result {
  const messagesPerSecond = medianOf(repeats, (figures) => figures.messagesPerSecond);
  const operationsPerSecond = medianOf(repeats, (figures) => figures.operationsPerSecond);
  const samples = repeats.flatMap(({ latencyNs }) => (latencyNs === undefined ? [] : [latencyNs]));
  const summary = samples.length === 0 ? undefined : summarise(samples);
  const latencyNs = summary?.latency;
  const cpuNsEach = medianOf(repeats, (figures) => figures.cpuNsEach);
  const floor = toFloorMedians(floors, messagesPerSecond !== undefined);
  const perRepeat = repeats.map(centralFigure);
  return {
    ...key,
    ...present({
      messagesPerSecond,
      bytesPerSecond: messagesPerSecond === undefined ? undefined : messagesPerSecond * key.messageBytes,
      latencyNs,
      latencyDetail: summary?.detail,
      operationsPerSecond,
      floorFraction: floorFraction({ messagesPerSecond, operationsPerSecond, latencyNs }, floor),
      floor,
      cpuSecondsPerMillion: cpuNsEach === undefined ? undefined : cpuNsEach / 1e3,
      residentBytes: medianOf(repeats, (figures) => figures.residentBytes),
      samples: summary === undefined ? undefined : samples.reduce((sum, { length }) => sum + length, 0),
    }),
    repeats: repeats.length,
    perRepeat,
    interval: medianInterval(perRepeat),
  };
}

/** Half an interval in parts of its middle. */
export function relativeError([low, high]: Result['interval']): number {
  return (high - low) / (high + low);
}

function centralFigure({ messagesPerSecond, operationsPerSecond, latencyNs }: Figures): number {
  return messagesPerSecond ?? operationsPerSecond ?? percentile(sorted(latencyNs ?? []), 0.5);
}

interface Central {
  readonly messagesPerSecond?: number | undefined;
  readonly operationsPerSecond?: number | undefined;
  readonly latencyNs?: { readonly p50: number } | undefined;
}

function floorFraction(ours: Central, floor: Central | undefined): number | undefined {
  if (floor === undefined) return undefined;
  if (ours.latencyNs !== undefined) return ratio(floor.latencyNs?.p50, ours.latencyNs.p50);
  if (ours.messagesPerSecond !== undefined) return ratio(ours.messagesPerSecond, floor.messagesPerSecond);
  return ratio(ours.operationsPerSecond, floor.operationsPerSecond);
}

function ratio(over: number | undefined, under: number | undefined): number | undefined {
  return over === undefined || under === undefined || under === 0 ? undefined : over / under;
}

function toFloorMedians(floors: readonly FloorFigures[], oneWay: boolean): FloorMedians | undefined {
  if (floors.length === 0) return undefined;
  const p50 = medianOf(floors, ({ latencyNs }) => latencyNs?.p50);
  const p99 = medianOf(floors, ({ latencyNs }) => latencyNs?.p99);
  return present({
    messagesPerSecond: oneWay ? medianOf(floors, (figures) => figures.messagesPerSecond) : undefined,
    operationsPerSecond: medianOf(floors, (figures) => figures.operationsPerSecond),
    latencyNs: p50 === undefined || p99 === undefined ? undefined : { p50, p99 },
  });
}

function medianOf<T>(repeats: readonly T[], figure: (repeat: T) => number | undefined): number | undefined {
  const values = repeats.map(figure).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without what is `undefined`. */
function present<T extends object>(figures: T): Present<T> {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined)) as Present<T>;
}
