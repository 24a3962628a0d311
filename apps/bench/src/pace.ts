/**
 * How long a cell may take so that the run takes as long as it was given.
 *
 * Starting processes and everything else that is not measuring is observed as it happens, so a busy machine gets
 * shorter cells instead of a longer run. Times are those of `performance.now`, which begins with the process.
 */
export interface Workload {
  readonly crews: number;
  /** The times that a crew runs a scenario for the first time. */
  readonly warmUps: number;
  /** Each cell, and how many times it is measured. */
  readonly cells: ReadonlyMap<object, number>;
}

/** A shorter cell measures nothing; a longer one tells nothing more. */
const leastCellMs = 30;
const mostCellMs = 400;

/**
 * V8 has optimised the path of a message after 0.1 to 1 second; before, it shows a tenth of the figures. What the warm-up
 * of a path in new processes may therefore take, and what part of the whole run all of them are thought to take. Most are steady
 * sooner, so each may take so many times its share: as many as any other, early or late in the run.
 */
const mostWarmUpMs = 1500;
const warmUpShare = 0.45;
const warmUpGenerosity = 3;

/** The floor's share of a cell's time, on top of it. It is C: there is nothing to warm up but the caches. */
export const FLOOR_SHARE = 0.4;

/** Kept back from the planned repeats, for more of those that differ most. */
const refiningShare = 0.05;

/** So much of the time may be overdrawn for a first look at what was not measured yet. */
const overdraft = 0.1;

export interface PaceOptions {
  /** When all has to be done. */
  readonly budgetMs: number;
  /** Some of the time is for repeats that were not planned. */
  readonly refines: boolean;
  /** What was not even begun long after that is left out; else only cells become shorter. */
  readonly isStrict: boolean;
}

export class Pace {
  readonly #deadlineMs: number;
  readonly #plannedEndMs: number;
  readonly #lateMs: number;
  readonly #left: { crews: number; warmUps: number };
  /** How many times each cell is still to be measured, and what it took beyond its time: orders, answers, the floor. */
  readonly #cells: Map<object, { left: number; overheadMs: Average | undefined }>;
  /** Start and end of a crew. */
  readonly #crewMs = new Average(250, 32);
  readonly #warmUpMs: Average;
  readonly #mostWarmUpMs: number;
  /** Of the cells that were not measured yet. */
  readonly #overheadMs = new Average(20, 256);
  #cellMs = leastCellMs;

  constructor(
    work: Workload,
    { budgetMs, refines, isStrict }: PaceOptions,
    nowMs: number = performance.now(),
  ) {
    this.#lateMs = isStrict ? budgetMs * (1 + overdraft) : Infinity;
    this.#left = { crews: work.crews, warmUps: work.warmUps };
    this.#cells = new Map([...work.cells].map(([cell, left]) => [cell, { left, overheadMs: undefined }]));
    this.#deadlineMs = budgetMs;
    this.#plannedEndMs = budgetMs - (refines ? (budgetMs - nowMs) * refiningShare : 0);
    const shareMs = ((budgetMs - nowMs) * warmUpShare) / Math.max(1, work.warmUps);
    this.#warmUpMs = new Average(Math.min(shareMs, mostWarmUpMs), 64);
    this.#mostWarmUpMs = Math.max(leastCellMs, Math.min(mostWarmUpMs, shareMs * warmUpGenerosity));
  }

  /** The time of the next cell, its own warm-up included, and not the floor's. */
  cellMs(nowMs: number = performance.now()): number {
    const cells = this.#cellsLeft();
    if (cells === 0) return this.#cellMs;
    const free = this.#plannedEndMs - nowMs - this.#otherMs();
    this.#cellMs = Math.max(leastCellMs, Math.min(mostCellMs, free / cells));
    return this.#cellMs;
  }

  /** When all that is planned will be done, if nothing comes between. */
  expectedMs(nowMs: number = performance.now()): number {
    return nowMs + this.#otherMs() + this.#cellsLeft() * this.cellMs(nowMs);
  }

  /** How long the warm-up of a path may take. */
  get mostWarmUpMs(): number {
    return this.#mostWarmUpMs;
  }

  /** Time is up. */
  isOver(nowMs: number = performance.now()): boolean {
    return nowMs >= this.#deadlineMs;
  }

  /** So much so that even a first look would be too long. */
  isLate(nowMs: number = performance.now()): boolean {
    return nowMs >= this.#lateMs;
  }

  /** The planned repeats have ended: whether there is time to start once more who measures these cells, a path each at the most. */
  hasTimeFor(cells: readonly object[], nowMs: number = performance.now()): boolean {
    const startMs = this.#startMs(1, new Set(cells).size);
    const tookMs = cells.reduce((sum, cell) => sum + this.#cellMs + this.#overheadOf(cell), startMs);
    return nowMs + tookMs < this.#deadlineMs;
  }

  /** How long it takes until the deadline, or what is left to do if that is less. */
  remainingMs(nowMs: number = performance.now()): number {
    return Math.max(0, this.#deadlineMs - nowMs);
  }

  /** A crew has started and ended: what that took. */
  crewTook(tookMs: number): void {
    this.#left.crews--;
    this.#crewMs.add(tookMs);
  }

  /** A path has been warmed up: what that took. */
  warmUpTook(tookMs: number): void {
    this.#left.warmUps--;
    this.#warmUpMs.add(tookMs);
  }

  /** A crew will not be started, and so many paths not be warmed up. */
  strikeCrew(warmUps: number): void {
    this.#left.crews--;
    this.#left.warmUps -= warmUps;
  }

  /** A cell has been measured once, or will not be. */
  strikeCell(cell: object): void {
    const known = this.#cells.get(cell);
    if (known !== undefined && known.left > 0) known.left--;
  }

  /** A cell that was given `cellMs` took `tookMs`, its floor included. */
  cellDone(cell: object, cellMs: number, tookMs: number): void {
    const overheadMs = Math.max(0, tookMs - cellMs);
    this.#overheadMs.add(overheadMs);
    const known = this.#cells.get(cell);
    if (known === undefined) return;
    if (known.overheadMs === undefined) known.overheadMs = new Average(overheadMs, 8);
    else known.overheadMs.add(overheadMs);
    this.strikeCell(cell);
  }

  #cellsLeft(): number {
    let sum = 0;
    for (const { left } of this.#cells.values()) sum += left;
    return sum;
  }

  #overheadOf(cell: object): number {
    return this.#cells.get(cell)?.overheadMs?.value ?? this.#overheadMs.value;
  }

  #startMs(crews: number, warmUps: number): number {
    return Math.max(0, crews) * this.#crewMs.value + Math.max(0, warmUps) * this.#warmUpMs.value;
  }

  /** What is left beside the cells' own time. */
  #otherMs(): number {
    let sum = this.#startMs(this.#left.crews, this.#left.warmUps);
    for (const [cell, { left }] of this.#cells) sum += left * this.#overheadOf(cell);
    return sum;
  }
}

/** The mean of the last samples, which begins with a guess that is worth a few of them. */
class Average {
  value: number;
  readonly #mostSamples: number;
  #samples = 4;

  constructor(guess: number, mostSamples: number) {
    this.value = guess;
    this.#mostSamples = mostSamples;
  }

  add(sample: number): void {
    this.#samples = Math.min(this.#samples + 1, this.#mostSamples);
    this.value += (sample - this.value) / this.#samples;
  }
}
