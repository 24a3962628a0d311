import type { Crew } from './crew.ts';
import type { PlannedCrew } from './planned.ts';

/** The crews that live on between their repeats, and those that have failed. */
export class LivingCrews {
  readonly #crews = new Map<PlannedCrew, Crew | 'failed'>();

  get(planned: PlannedCrew): Crew | 'failed' | undefined {
    return this.#crews.get(planned);
  }

  add(planned: PlannedCrew, crew: Crew): void {
    this.#crews.set(planned, crew);
  }

  /** Ends its processes, if there are any; what has failed stays so. */
  async end(planned: PlannedCrew, because?: 'failed'): Promise<void> {
    const crew = this.#crews.get(planned);
    if (because === 'failed') this.#crews.set(planned, because);
    else if (crew !== 'failed') this.#crews.delete(planned);
    if (crew !== undefined && crew !== 'failed') await crew[Symbol.asyncDispose]();
  }

  async endAll(): Promise<void> {
    await Promise.all([...this.#crews.keys()].map((planned) => this.end(planned)));
  }
}
