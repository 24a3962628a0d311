/**
 * How long a cell may take so that the run takes as long as it was given.
 *
 * Starting processes and everything else that is not measuring is observed as it happens, so a busy machine gets
 * shorter cells instead of a longer run.
 */
export interface Workload {
  readonly pairs: number;
  /** The times that a pair runs a scenario for the first time. */
  readonly warmUps: number;
  readonly cells: number;
}

/** A shorter cell measures nothing; a longer one tells nothing more. */
const leastCellMs = 15;
const mostCellMs = 400;
/** The floor's share of a cell's time, on top of it. It is C: there is nothing to warm up but the caches. */
export const FLOOR_SHARE = 0.3;

/**
 * V8 has optimised the path of a message after 0.4 to 0.8 seconds; before, it shows a tenth of the figures. What a
 * scenario's first cell in a pair of processes therefore gets, but no more than this part of the whole run.
 */
const compilingMs = 500;
const compilingShare = 0.4;

export class Pace {
  /** The warm-up of the first cell of a scenario in a pair, on top of the cell's own. */
  readonly compilingMs: number;
  readonly #deadlineMs: number;
  readonly #left: { pairs: number; warmUps: number; cells: number };
  /** Start and end of a pair of processes. */
  readonly #pairMs = new Average(300);
  /** What a cell takes beyond its time: orders, answers, the floor's two processes, the compiler. */
  readonly #overheadMs = new Average(25);

  constructor(work: Workload, budgetMs: number, nowMs: number = performance.now()) {
    this.#left = { ...work };
    this.#deadlineMs = nowMs + budgetMs;
    this.compilingMs = Math.min(compilingMs, (budgetMs * compilingShare) / Math.max(1, work.warmUps));
  }

  /** The time of the next cell, its own warm-up included, and neither the compiler's nor the floor. */
  cellMs(nowMs: number = performance.now()): number {
    const { pairs, warmUps, cells } = this.#left;
    const other = pairs * this.#pairMs.value + warmUps * this.compilingMs + cells * this.#overheadMs.value;
    const free = this.#deadlineMs - nowMs - other;
    return Math.max(leastCellMs, Math.min(mostCellMs, free / Math.max(1, cells) / (1 + FLOOR_SHARE)));
  }

  /** Time is up. */
  isOver(nowMs: number = performance.now()): boolean {
    return nowMs >= this.#deadlineMs;
  }

  /** A pair has started, or ended: what that took. */
  pairTook(tookMs: number): void {
    this.#pairMs.add(tookMs);
  }

  /** This much of the work is done, or will not be. */
  strike({ pairs = 0, warmUps = 0, cells = 0 }: Partial<Workload>): void {
    this.#left.pairs -= pairs;
    this.#left.warmUps -= warmUps;
    this.#left.cells -= cells;
  }

  /** A cell that was given `cellMs` took `tookMs`, its floor included and the compiler's time not. */
  cellDone(cellMs: number, tookMs: number): void {
    this.strike({ cells: 1 });
    this.#overheadMs.add(Math.max(0, tookMs - cellMs * (1 + FLOOR_SHARE)));
  }
}

/** A mean that starts with a guess and forgets slowly. */
class Average {
  value: number;

  constructor(guess: number) {
    this.value = guess;
  }

  add(sample: number): void {
    this.value += (sample - this.value) / 8;
  }
}
