/**
 * How long a cell may take so that the run takes as long as it was given.
 *
 * Starting processes and everything else that is not measuring is observed as it happens, so a busy machine gets
 * shorter cells instead of a longer run.
 */
export interface Workload {
  readonly pairs: number;
  readonly cells: number;
}

/** A shorter cell measures nothing; a longer one tells nothing more. */
const leastCellMs = 15;
const mostCellMs = 400;
/** The floor's share of a cell's time, on top of it. */
export const FLOOR_SHARE = 0.4;

export class Pace {
  readonly #deadlineMs: number;
  readonly #left: { pairs: number; cells: number };
  /** Start and end of a pair of processes. */
  readonly #pairMs = new Average(300);
  /** What a cell takes beyond its time: orders, answers, the floor's two processes, the compiler. */
  readonly #overheadMs = new Average(25);

  constructor(work: Workload, budgetMs: number, nowMs: number = performance.now()) {
    this.#left = { ...work };
    this.#deadlineMs = nowMs + budgetMs;
  }

  /** The time of the next cell, its warm-up included and the floor not. */
  cellMs(nowMs: number = performance.now()): number {
    const { pairs, cells } = this.#left;
    const free = this.#deadlineMs - nowMs - pairs * this.#pairMs.value - cells * this.#overheadMs.value;
    return Math.max(leastCellMs, Math.min(mostCellMs, free / Math.max(1, cells) / (1 + FLOOR_SHARE)));
  }

  /** Time is up. */
  isOver(nowMs: number = performance.now()): boolean {
    return nowMs >= this.#deadlineMs;
  }

  /** A pair has started and ended, in so much time beside its cells; `skippedCells` of them were left out. */
  pairDone(tookMs: number, skippedCells: number): void {
    this.#left.pairs--;
    this.#left.cells -= skippedCells;
    this.#pairMs.add(tookMs);
  }

  /** A cell that was given `cellMs` took `tookMs`, its floor included. */
  cellDone(cellMs: number, tookMs: number): void {
    this.#left.cells--;
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
