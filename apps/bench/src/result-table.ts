/** Gathers what is measured, and makes results of it. */
import { medianInterval, nestedMedian, type Nested } from './bootstrap.ts';
import type { FloorFigures } from './floor.ts';
import { summarise } from './latency.ts';
import { idOf, relativeError, type FloorMedians, type Result, type ResultKey } from './result.ts';
import type { Figures } from './scenario.ts';
import { percentile, sorted } from './statistics.ts';

/** One measurement of a cell. */
export interface Repeat {
  readonly figures: Figures;
  /** What the floor did right after it. */
  readonly floor?: FloorFigures | undefined;
  /** The processes: the same object for the same ones. */
  readonly crew: object;
}

/** What a result is so far. */
export type Estimate = { readonly perSecond: number } | { readonly latencyNs: number };

interface Row {
  readonly key: ResultKey;
  readonly repeats: Repeat[];
  /** Kept, as it takes milliseconds to know. */
  uncertainty: number | undefined;
}

/** Gathers the repeats of each result, in the order of the first. */
export class ResultTable {
  readonly #rows = new Map<string, Row>();

  add(key: ResultKey, repeat: Repeat): void {
    const row = this.#rows.get(idOf(key)) ?? { key, repeats: [], uncertainty: undefined };
    row.repeats.push(repeat);
    row.uncertainty = undefined;
    this.#rows.set(idOf(key), row);
  }

  /** Half the interval in parts of the figure; 0 where there is none, or so many repeats that more are not wanted. */
  uncertainty(key: ResultKey, mostRepeats: number): number {
    const row = this.#rows.get(idOf(key));
    if (row === undefined || row.repeats.length >= mostRepeats) return 0;
    row.uncertainty ??= relativeError(medianInterval(centralFigures(row.repeats)));
    return row.uncertainty;
  }

  /** How many latencies there are so far. */
  samples(key: ResultKey): number {
    const { repeats = [] } = this.#rows.get(idOf(key)) ?? {};
    return repeats.reduce((sum, { figures }) => sum + (figures.latencyNs?.length ?? 0), 0);
  }

  /** The figure as it is now. */
  estimate(key: ResultKey): Estimate | undefined {
    const row = this.#rows.get(idOf(key));
    if (row === undefined) return undefined;
    const figure = nestedMedian(centralFigures(row.repeats));
    const isRate = row.repeats.some(
      ({ figures }) => (figures.messagesPerSecond ?? figures.operationsPerSecond) !== undefined,
    );
    return isRate ? { perSecond: figure } : { latencyNs: figure };
  }

  results(): Result[] {
    return [...this.#rows.values()].map(({ key, repeats }) => toResult(key, repeats));
  }
}

/** @param repeats - One at least, in the order of time. */
export function toResult(key: ResultKey, repeats: readonly Repeat[]): Result {
  const middle = (figure: keyof Omit<Figures, 'latencyNs'>): number | undefined =>
    middleOf(repeats, ({ figures }) => figures[figure]);
  const messagesPerSecond = middle('messagesPerSecond');
  const samples = repeats.flatMap(({ figures: { latencyNs } }) =>
    latencyNs === undefined ? [] : [latencyNs],
  );
  const summary = samples.length === 0 ? undefined : summarise(samples);
  const cpuNsEach = middle('cpuNsEach');
  const fractions = byCrew(repeats, floorFraction);
  return {
    ...key,
    ...present({
      messagesPerSecond,
      bytesPerSecond: messagesPerSecond === undefined ? undefined : messagesPerSecond * key.messageBytes,
      latencyNs: summary?.latency,
      latencyDetail: summary?.detail,
      operationsPerSecond: middle('operationsPerSecond'),
      ...(fractions.length > 0 && {
        floorFraction: nestedMedian(fractions),
        floorFractionInterval: medianInterval(fractions),
      }),
      floor: toFloorMedians(repeats, messagesPerSecond !== undefined),
      cpuSecondsPerMillion: cpuNsEach === undefined ? undefined : cpuNsEach / 1e3,
      residentBytes: middle('residentBytes'),
      samples: summary === undefined ? undefined : samples.reduce((sum, { length }) => sum + length, 0),
    }),
    repeats: repeats.length,
    perRepeat: repeats.map(({ figures }) => centralFigure(figures)),
    crews: numbered(repeats),
    interval: medianInterval(centralFigures(repeats)),
  };
}

/** What each repeat has of it, by the processes that have measured it; those that have nothing are left out. */
function byCrew(repeats: readonly Repeat[], figure: (repeat: Repeat) => number | undefined): Nested {
  const values = new Map<object, number[]>();
  for (const repeat of repeats) {
    const value = figure(repeat);
    if (value === undefined) continue;
    const own = values.get(repeat.crew);
    if (own === undefined) values.set(repeat.crew, [value]);
    else own.push(value);
  }
  return [...values.values()];
}

function centralFigures(repeats: readonly Repeat[]): Nested {
  return byCrew(repeats, ({ figures }) => centralFigure(figures));
}

function middleOf(
  repeats: readonly Repeat[],
  figure: (repeat: Repeat) => number | undefined,
): number | undefined {
  const values = byCrew(repeats, figure);
  return values.length === 0 ? undefined : nestedMedian(values);
}

/** The processes of each repeat, as numbers. */
function numbered(repeats: readonly Repeat[]): number[] {
  const crews = [...new Set(repeats.map(({ crew }) => crew))];
  return repeats.map(({ crew }) => crews.indexOf(crew));
}

/** It is asked for again and again, and to sort takes long. */
const medianLatenciesNs = new WeakMap<Float64Array, number>();

function centralFigure({ messagesPerSecond, operationsPerSecond, latencyNs }: Figures): number {
  const rate = messagesPerSecond ?? operationsPerSecond;
  if (rate !== undefined || latencyNs === undefined) return rate ?? NaN;
  const known = medianLatenciesNs.get(latencyNs);
  if (known !== undefined) return known;
  const medianNs = percentile(sorted(latencyNs), 0.5);
  medianLatenciesNs.set(latencyNs, medianNs);
  return medianNs;
}

/** How near one repeat came to the floor beside it. */
function floorFraction({ figures, floor }: Repeat): number | undefined {
  if (floor === undefined) return undefined;
  if (figures.latencyNs !== undefined) return ratio(floor.latencyNs?.p50, centralFigure(figures));
  return figures.messagesPerSecond === undefined
    ? ratio(figures.operationsPerSecond, floor.operationsPerSecond)
    : ratio(figures.messagesPerSecond, floor.messagesPerSecond);
}

function ratio(over: number | undefined, under: number | undefined): number | undefined {
  return over === undefined || under === undefined || under === 0 ? undefined : over / under;
}

function toFloorMedians(repeats: readonly Repeat[], oneWay: boolean): FloorMedians | undefined {
  if (repeats.every(({ floor }) => floor === undefined)) return undefined;
  const p50 = middleOf(repeats, ({ floor }) => floor?.latencyNs?.p50);
  const p99 = middleOf(repeats, ({ floor }) => floor?.latencyNs?.p99);
  return present({
    messagesPerSecond: oneWay ? middleOf(repeats, ({ floor }) => floor?.messagesPerSecond) : undefined,
    operationsPerSecond: middleOf(repeats, ({ floor }) => floor?.operationsPerSecond),
    latencyNs: p50 === undefined || p99 === undefined ? undefined : { p50, p99 },
  });
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without what is `undefined`. */
function present<T extends object>(figures: T): Present<T> {
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined)) as Present<T>;
}
