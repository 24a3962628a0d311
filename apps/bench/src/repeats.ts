/** The order in which cells are measured, over and over, until the plan or the time is at its end. */
import type { CellMeter } from './cell-meter.ts';
import type { Misses } from './misses.ts';
import type { Pace } from './pace.ts';
import { warmUpsOf } from './plan.ts';
import { describeCrew, keyOf, type PlannedCrew } from './planned.ts';
import type { ResultTable } from './result-table.ts';
import { supportsPercentile } from './statistics.ts';

/** At most so many repeats of one figure. */
const mostRepeats = 15;
/** Half an interval in parts of its figure: more repeats would not change what is printed. */
const certainEnough = 0.03;
/** So many cells between two looks at which are the least certain. */
const refinedAtOnce = 12;
/** So many crews start at a time. */
const mostAtOnce = 8;

export interface RepeatsOptions {
  readonly crews: readonly PlannedCrew[];
  readonly repeats: number;
  /** How often all processes are new: with each repeat, or for some in a row. */
  readonly starts: number;
  /** Each crew is started when its turn comes, and ended after its repeats: not all of them fit into the memory at a time. */
  readonly oneByOne: boolean;
  /** How many processors there are to start on. */
  readonly processors: number;
  readonly meter: Pick<CellMeter, 'start' | 'measure' | 'endAll' | 'hasFailed'>;
  readonly pace: Pace;
  readonly table: Pick<ResultTable, 'samples' | 'uncertainty'>;
  readonly misses: Misses;
  readonly signal: AbortSignal;
  /** What part of the planned repeats is done, 0..1. */
  readonly onFraction: (fraction: number) => void;
}

/** What a run has come to. */
export interface RepeatsDone {
  /** Those that are whole. */
  readonly repeats: number;
  /** How often all processes were new. */
  readonly starts: number;
}

/**
 * Measures all crews. Repeats are the outermost loop, so that a slow minute of the machine hits every subject once, and
 * what is interrupted has something to say about all of them.
 */
export async function measureRepeatedly(options: RepeatsOptions): Promise<RepeatsDone> {
  const { meter, misses, oneByOne, repeats, signal, starts } = options;
  const startOf = (repeat: number): number => Math.floor((repeat * starts) / repeats);
  const firstOf = (start: number): number => Math.ceil((start * repeats) / starts);
  const done = { repeats: 0, starts: 0 };
  try {
    while (done.repeats < repeats) {
      const first = done.repeats;
      const end = oneByOne ? firstOf(startOf(first) + 1) : first + 1;
      const isNew = startOf(first) !== startOf(first - 1);
      if (isNew && (oneByOne || (await renewAll(options, first)))) done.starts++;
      if (!(await measureAll(options, first, end))) break;
      done.repeats = end;
    }
    if (done.repeats === repeats) {
      options.onFraction(1);
      if (repeats > 1 && !oneByOne) await refine(options);
    } else if (!isAborted(signal)) {
      const first = done.repeats + 1;
      const left = first === repeats ? `repeat ${repeats}` : `repeats ${first} to ${repeats}`;
      misses.leaveOut(left, 'the time was up; see --seconds');
    }
    return done;
  } finally {
    await meter.endAll();
  }
}

/**
 * Repeats `first` up to `end`, those of one crew in a row.
 *
 * @returns Whether all had their turn: false when the time is up, which a first look does not heed, or nobody wants more.
 */
async function measureAll(options: RepeatsOptions, first: number, end: number): Promise<boolean> {
  const { crews, meter, misses, oneByOne, pace, repeats, signal } = options;
  for (const [index, crew] of crews.entries()) {
    for (let repeat = first; repeat < end; repeat++) {
      if (isAborted(signal) || (repeat > 0 && pace.isOver())) return false;
      if (pace.isLate()) {
        misses.leaveOut(describeCrew(crew), 'no time was left; see --seconds');
        break;
      }
      options.onFraction((first + ((end - first) * index) / crews.length) / repeats);
      const cells = crew.cells.filter(({ every }) => repeat % every === 0);
      await meter.measure(crew, cells, true);
    }
    if (oneByOne) await meter.endAll();
  }
  return true;
}

/**
 * New processes for all, unless those that there are have to do, as the machine is slower than was thought.
 *
 * @returns Whether they are new.
 */
async function renewAll(options: RepeatsOptions, repeat: number): Promise<boolean> {
  const { crews, meter, pace, signal } = options;
  if (isAborted(signal)) return false;
  const warmUps = warmUpsOf(crews);
  if (repeat > 0 && !pace.affordsStart(crews.length, warmUps)) {
    pace.strikeCrews(crews.length, warmUps);
    return false;
  }
  await meter.endAll();
  await startAll(options);
  return true;
}

/**
 * Several at a time: starting is work for one processor, and nothing is measured yet. But no longer than half of the time that is
 * left: who is not started by then is when its turn comes, so that a slow machine has something to say about the first.
 */
async function startAll({ crews, meter, pace, processors, signal }: RepeatsOptions): Promise<void> {
  const waiting = [...crews];
  const begin = performance.now();
  const endMs = begin + pace.remainingMs(begin) / 2;
  const startSome = async (): Promise<void> => {
    while (performance.now() < endMs && !isAborted(signal)) {
      const crew = waiting.shift();
      if (crew === undefined) return;
      await meter.start(crew);
    }
  };
  await Promise.all(Array.from({ length: Math.min(processors, mostAtOnce) }, startSome));
  pace.crewsStarted(crews.length - waiting.length, performance.now() - begin);
}

/**
 * While there is time: once more what is a few round trips short of its p99, then what is the least certain. At last what
 * starts a process for each sample, and has only one or two a cell: until its p99 can be told.
 */
async function refine({ crews, meter, pace, signal, table }: RepeatsOptions): Promise<void> {
  const all = crews.flatMap((crew) => crew.cells.map((cell) => ({ crew, cell, key: keyOf(crew, cell) })));
  while (!isAborted(signal)) {
    const alive = all.filter(({ crew }) => !meter.hasFailed(crew));
    const rare = alive.map((one) => ({ ...one, samples: table.samples(one.key) })).filter(isRare);
    const nearest = rare
      .filter(({ cell }) => cell.scenario.slow !== true)
      .sort((a, b) => b.samples - a.samples)
      .slice(0, 1);
    const widest = alive
      .filter(({ cell }) => cell.scenario.slow !== true)
      .map((one) => ({ ...one, error: table.uncertainty(one.key, mostRepeats) }))
      .filter(({ error }) => error > certainEnough)
      .sort((a, b) => b.error - a.error)
      .slice(0, refinedAtOnce);
    const next = [nearest, widest, rare].find((some) => some.length > 0);
    if (next === undefined || !pace.hasTimeFor(next.map(({ cell }) => cell))) return;
    for (const { crew, cell } of next) await meter.measure(crew, [cell], false);
  }
}

/** There is a figure, and too little of it for a p99. */
function isRare({ samples }: { readonly samples: number }): boolean {
  return samples > 0 && !supportsPercentile(samples, 0.99);
}

/** A function, because it changes while something is awaited and the compiler does not know. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
