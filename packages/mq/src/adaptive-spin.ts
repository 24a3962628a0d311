/** Looking again costs this often less than asking what time it is. */
const attemptsPerLook = 4;
const longestUs = 50;
const shortestUs = 3;
/** After this many waits without a spin, one is tried again: the peer may have become busy. */
const waitsPerProbe = 16;

/**
 * Tries again for a bounded time before its caller goes to sleep, as long as that pays.
 *
 * Waking a sleeping process costs many times what a message does, so two busy ends on two processors
 * should meet awake. Where spinning does not pay (an idle peer, one processor for both) the time
 * shrinks to nothing within a few waits, and is probed rarely.
 */
export class AdaptiveSpin {
  #budgetUs = longestUs;
  #waits = 0;

  /** Calls `attempt` until it returns true or the time is up; returns whether it did. BLOCKS for 50 µs at most. */
  run(attempt: () => boolean): boolean {
    if (this.#budgetUs < shortestUs) {
      if (++this.#waits < waitsPerProbe) return false;
      this.#waits = 0;
      this.#budgetUs = shortestUs;
    }
    const endMs = performance.now() + this.#budgetUs / 1000;
    do {
      for (let i = 0; i < attemptsPerLook; i++) {
        if (!attempt()) continue;
        this.#budgetUs = Math.min(longestUs, this.#budgetUs * 2);
        return true;
      }
    } while (performance.now() < endMs);
    this.#budgetUs /= 2;
    return false;
  }
}
