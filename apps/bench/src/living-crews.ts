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

  /**
   * Ends its processes, if there are any; what has failed stays so.
   *
   * @returns What had broken by then.
   */
  async end(planned: PlannedCrew, because?: 'failed'): Promise<Error | undefined> {
    const crew = this.#crews.get(planned);
    if (because === 'failed') this.#crews.set(planned, because);
    else if (crew !== 'failed') this.#crews.delete(planned);
    if (crew === undefined || crew === 'failed') return undefined;
    await crew[Symbol.asyncDispose]();
    return crew.failure;
  }

  planned(): PlannedCrew[] {
    return [...this.#crews].flatMap(([planned, crew]) => (crew === 'failed' ? [] : planned));
  }
}
