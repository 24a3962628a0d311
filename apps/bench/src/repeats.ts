/** The order in which cells are measured, over and over, until the plan or the time is at its end. */
import type { CellMeter } from './cell-meter.ts';
import type { Misses } from './misses.ts';
import type { Pace } from './pace.ts';
import { describeCrew, keyOf, type PlannedCell, type PlannedCrew } from './planned.ts';
import type { ResultTable } from './result-table.ts';
import { supportsPercentile } from './statistics.ts';

/** At most so many repeats of one figure. */
const mostRepeats = 15;
/** Half an interval in parts of its figure: more repeats would not change what is printed. */
const certainEnough = 0.03;
/** What starts a process for each sample has few in a cell: so many cells in a row of the same processes. */
const slowCellsAtOnce = 8;

export interface RepeatsOptions {
  readonly crews: readonly PlannedCrew[];
  readonly repeats: number;
  readonly meter: Pick<CellMeter, 'measure' | 'hasFailed'>;
  readonly pace: Pace;
  readonly table: Pick<ResultTable, 'samples' | 'uncertainty'>;
  readonly misses: Misses;
  readonly signal: AbortSignal;
  /** What part of the planned repeats is done, 0..1. */
  readonly onFraction: (fraction: number) => void;
  /** Another crew was; so many repeats are whole. */
  readonly onMeasured: (wholeRepeats: number) => Promise<void>;
}

/**
 * Measures all crews, each time in new processes. Repeats are the outermost loop, so that a slow minute of the machine hits
 * every subject once, and what is interrupted has something to say about all of them.
 *
 * @returns How many repeats are whole.
 */
export async function measureRepeatedly(options: RepeatsOptions): Promise<number> {
  const { misses, repeats, signal } = options;
  for (let repeat = 0; repeat < repeats; repeat++) {
    if (await measureAll(options, repeat)) continue;
    const left = repeat + 1 === repeats ? `repeat ${repeats}` : `repeats ${repeat + 1} to ${repeats}`;
    if (!isAborted(signal)) misses.leaveOut(left, 'the time was up; see --seconds');
    return repeat;
  }
  options.onFraction(1);
  if (repeats > 1) await refine(options);
  return repeats;
}

/** @returns Whether all had their turn: false when the time is up, which a first look does not heed, or nobody wants more. */
async function measureAll(options: RepeatsOptions, repeat: number): Promise<boolean> {
  const { crews, meter, misses, pace, repeats, signal } = options;
  for (const [index, crew] of crews.entries()) {
    if (isAborted(signal) || (repeat > 0 && pace.isOver())) return false;
    if (pace.isLate()) {
      misses.leaveOut(describeCrew(crew), 'no time was left; see --seconds');
      continue;
    }
    options.onFraction((repeat + index / crews.length) / repeats);
    await meter.measure(crew, crew.cells);
    await options.onMeasured(index + 1 === crews.length ? repeat + 1 : repeat);
  }
  return true;
}

/**
 * While there is time: once more the processes of what is a few round trips short of its p99, then of what is the least certain.
 * At last what starts a process for each sample, until its p99 can be told.
 */
async function refine({
  crews,
  meter,
  onMeasured,
  pace,
  repeats,
  signal,
  table,
}: RepeatsOptions): Promise<void> {
  while (!isAborted(signal)) {
    const all = crews
      .filter((crew) => !meter.hasFailed(crew))
      .flatMap((crew) => crew.cells.map((cell) => ({ crew, cell, ...lackOf(crew, cell, table) })));
    const quick = all.filter(({ cell }) => cell.scenario.slow !== true);
    const [rare] = quick.filter(({ isRare }) => isRare).sort((a, b) => b.samples - a.samples);
    const [widest] = quick.filter(({ error }) => error > certainEnough).sort((a, b) => b.error - a.error);
    const [slow] = all.filter(({ cell, isRare }) => cell.scenario.slow === true && isRare);
    const next = rare ?? widest ?? slow;
    if (next === undefined) return;
    const cells =
      next === slow
        ? Array<PlannedCell>(slowCellsAtOnce).fill(next.cell)
        : quick
            .filter(({ crew, error, isRare }) => crew === next.crew && (isRare || error > certainEnough))
            .map(({ cell }) => cell);
    if (!pace.hasTimeFor(cells)) return;
    await meter.measure(next.crew, cells);
    await onMeasured(repeats);
  }
}

interface Lack {
  /** Latencies so far. */
  readonly samples: number;
  /** There is a figure, and too little of it for a p99. */
  readonly isRare: boolean;
  /** See `ResultTable.uncertainty`. */
  readonly error: number;
}

function lackOf(crew: PlannedCrew, cell: PlannedCell, table: RepeatsOptions['table']): Lack {
  const key = keyOf(crew, cell);
  const samples = table.samples(key);
  const isRare = samples > 0 && !supportsPercentile(samples, 0.99);
  return { samples, isRare, error: table.uncertainty(key, mostRepeats) };
}

/** A function, because it changes while something is awaited and the compiler does not know. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
