import type { Pair } from './pair.ts';
import type { PlannedPair } from './plan.ts';

/** The pairs of processes that live on between their repeats, and those that have failed. */
export class LivingPairs {
  readonly #pairs = new Map<PlannedPair, Pair | 'failed'>();

  get(planned: PlannedPair): Pair | 'failed' | undefined {
    return this.#pairs.get(planned);
  }

  add(planned: PlannedPair, pair: Pair): void {
    this.#pairs.set(planned, pair);
  }

  /** Ends its processes, if there are any; what has failed stays so. */
  async end(planned: PlannedPair, because?: 'failed'): Promise<void> {
    const pair = this.#pairs.get(planned);
    if (because === 'failed') this.#pairs.set(planned, because);
    else if (pair !== 'failed') this.#pairs.delete(planned);
    if (pair !== undefined && pair !== 'failed') await pair[Symbol.asyncDispose]();
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#pairs.keys()].map((planned) => this.end(planned)));
  }
}
