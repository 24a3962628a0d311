/** About what it costs to wake a process on another processor: sleeping for less than this was not worth it. */
const longestMs = 0.1;
/** Attempts are so far apart at least: each may keep the peer from the very thing that is waited for. */
const pauseMs = 0.001;
/** So many spins of full length in vain, one after the other, and spinning is no use here. */
const spinsInVain = 4;
const [fewestWaitsOff, mostWaitsOff] = [64, 4096];

/**
 * Tries again for a bounded time before its caller goes to sleep, where that pays.
 *
 * Waking a sleeping process costs many times what a message does, so two busy ends on two processors should meet
 * awake. How long a sleep lasted tells whether a spin would have caught it: a short one asks for longer spins, a
 * long one (an idle peer) for shorter ones. Where sleeps are short and spins fail all the same, both ends share one
 * processor and the peer runs only while this end sleeps: then spinning stays off for more and more waits.
 */
export class AdaptiveSpin {
  #budgetMs = longestMs;
  #inVain = 0;
  #waitsOff = 0;
  #nextWaitsOff = fewestWaitsOff;
  #sleepingSinceMs = 0;

  /**
   * Calls `attempt` until it returns true, or until the caller should go to sleep; returns whether it did.
   * BLOCKS for 100 µs at most.
   */
  run(attempt: () => boolean): boolean {
    const startMs = performance.now();
    let nowMs = startMs;
    if (this.#waitsOff > 0) this.#waitsOff--;
    else {
      while (nowMs - startMs < this.#budgetMs) {
        if (attempt()) {
          this.#inVain = 0;
          this.#nextWaitsOff = fewestWaitsOff;
          return true;
        }
        const nextMs = nowMs + pauseMs;
        do nowMs = performance.now();
        while (nowMs < nextMs);
      }
      if (this.#budgetMs === longestMs) this.#inVain++;
    }
    this.#sleepingSinceMs = nowMs;
    return false;
  }

  /** The sleep that followed the last `run` is over. */
  woken(): void {
    const short = performance.now() - this.#sleepingSinceMs < longestMs;
    this.#budgetMs = short ? longestMs : this.#budgetMs / 2;
    if (!short || this.#inVain < spinsInVain) return;
    this.#inVain = 0;
    this.#waitsOff = this.#nextWaitsOff;
    this.#nextWaitsOff = Math.min(mostWaitsOff, this.#nextWaitsOff * 2);
  }
}
