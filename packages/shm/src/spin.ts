import { affinity } from '@ipc/native';

/** Between two looks at the clock. */
const looksPerTick = 32;
/** A spin of no avail halves the budget; after this many sleeps without one, the full budget is tried again. */
const sleepsPerTrial = 32;

/**
 * Looking again and again for a bounded time before sleeping, as long as that pays.
 *
 * Waking a process that sleeps costs 50-100 µs, so a peer that answers sooner is worth spinning for. A spin that finds
 * something restores the full budget; one that does not halves it, down to none.
 */
export class Spin {
  readonly #fullMs: number;
  #budgetMs: number;
  #sleeps = 0;

  /** @param spinUs - Longest time of one spin, in microseconds. On a single CPU it is zero: the peer could not run. */
  constructor(spinUs: number) {
    this.#fullMs = affinity().length > 1 ? spinUs / 1000 : 0;
    this.#budgetMs = this.#fullMs;
  }

  /** Whether `look` succeeded in time. */
  until(look: () => boolean): boolean {
    if (this.#budgetMs === 0 && (this.#fullMs === 0 || ++this.#sleeps < sleepsPerTrial)) return false;
    const budgetMs = this.#budgetMs === 0 ? this.#fullMs : this.#budgetMs;
    this.#sleeps = 0;
    const deadline = performance.now() + budgetMs;
    do {
      for (let looks = 0; looks < looksPerTick; looks++) {
        if (look()) {
          this.#budgetMs = this.#fullMs;
          return true;
        }
      }
    } while (performance.now() < deadline);
    this.#budgetMs = this.#budgetMs < 0.002 ? 0 : this.#budgetMs / 2;
    return false;
  }
}
