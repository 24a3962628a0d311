import { processors } from './processors.ts';

/** What waking a process costs, about: a sleep that is not much longer than a spin would have been none, awake. */
const wakeMs = 0.1;
/** Between two looks at the clock. */
const looksPerTick = 32;
/** Below, a spin is not worth reading the clock for. */
const leastMs = 0.002;
/** So many full spins in vain, though the sleeps that followed were short, and spinning is no use here. */
const spinsInVain = 4;
/** For so long, then. So much later one spin tells whether that has changed: a two-hundredth of the time, if not. */
const [shortestPauseMs, longestPauseMs] = [0.5, 20];

/**
 * Looking again and again for a bounded time before sleeping, where that has paid lately.
 *
 * Waking a process that sleeps costs 5-100 µs, so a peer that answers sooner is worth spinning for. How long sleeps last
 * tells: after a short one, the next wait spins for the full time; after each long one, for half as long as before, down
 * to not at all, so that who waits for a rare message costs nothing. Where sleeps are short and spins fail all the
 * same, the two share a processor, and the peer only runs while this one sleeps: then there are no spins for half a
 * millisecond, one, up to 20. On a machine with one processor there are none.
 */
export class Spin {
  readonly #longestMs: number;
  readonly #restMs: number;
  readonly #looksPerTick: number;
  #budgetMs = 0;
  #inVain = 0;
  #pausedUntilMs = 0;
  #pauseMs = shortestPauseMs;
  #sleepingSinceMs = 0;

  /**
   * @param spinUs - Longest time of one spin, in microseconds.
   * @param restUs - Between two looks, for looks that keep the peer from the very thing that is waited for.
   */
  constructor(spinUs: number, restUs = 0) {
    this.#longestMs = processors > 1 ? spinUs / 1000 : 0;
    this.#restMs = restUs / 1000;
    this.#looksPerTick = restUs > 0 ? 1 : looksPerTick;
  }

  /** Whether `look` succeeded in time. Otherwise the caller sleeps, and says by `woken` when that is over. */
  until(look: () => boolean): boolean {
    if (this.#longestMs === 0) return false;
    let nowMs = performance.now();
    const endMs = nowMs + this.#budgetMs;
    if (this.#budgetMs > 0 && nowMs >= this.#pausedUntilMs) {
      do {
        for (let looks = 0; looks < this.#looksPerTick; looks++) {
          if (!look()) continue;
          this.#inVain = 0;
          this.#pauseMs = shortestPauseMs;
          return true;
        }
        const nextMs = nowMs + this.#restMs;
        do nowMs = performance.now();
        while (nowMs < nextMs);
      } while (nowMs < endMs);
      if (this.#budgetMs === this.#longestMs) this.#inVain++;
    }
    this.#sleepingSinceMs = nowMs;
    return false;
  }

  /** The sleep after the last spin is over. */
  woken(): void {
    if (this.#longestMs === 0) return;
    const nowMs = performance.now();
    if (nowMs - this.#sleepingSinceMs > this.#longestMs + wakeMs) {
      this.#budgetMs = this.#budgetMs < leastMs ? 0 : this.#budgetMs / 2;
      return;
    }
    this.#budgetMs = this.#longestMs;
    if (this.#inVain < spinsInVain) return;
    this.#inVain = spinsInVain - 1;
    this.#pausedUntilMs = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(longestPauseMs, this.#pauseMs * 2);
  }
}
