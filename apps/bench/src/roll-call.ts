import type { Report } from './control.ts';

/** The answers of all processes of a crew to one order, or what went wrong first. */
export class RollCall {
  readonly #processes: number;
  #answers = new Map<number, Report>();
  #settle: { resolve(answers: ReadonlyMap<number, Report>): void; reject(error: Error): void } | undefined;

  constructor(processes: number) {
    this.#processes = processes;
  }

  /**
   * The next answer of each, by index.
   *
   * @param onSilence - Told who has not answered in time.
   * @throws What it is failed with.
   */
  next(
    withinMs: number,
    onSilence: (silent: readonly number[]) => void,
  ): Promise<ReadonlyMap<number, Report>> {
    this.#answers = new Map();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        onSilence([...Array(this.#processes).keys()].filter((index) => !this.#answers.has(index)));
      }, withinMs);
      this.#settle = {
        resolve(answers) {
          clearTimeout(timer);
          resolve(answers);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  take(answer: Report): void {
    this.#answers.set(answer.index, answer);
    if (this.#answers.size < this.#processes) return;
    this.#settle?.resolve(this.#answers);
    this.#settle = undefined;
  }

  /** Nothing, if nobody is asked. */
  fail(error: Error): void {
    this.#settle?.reject(error);
    this.#settle = undefined;
  }
}
