/** The semaphore a {@link Permit} goes back to. */
export interface PermitHolder {
  /** @internal */
  giveBack(permits: number): void;
}

/** Permits taken from a semaphore, until `release`, the end of a `using` block, or the death of the process. */
export class Permit implements Disposable, AsyncDisposable {
  /** How many. */
  readonly permits: number;
  #holder: PermitHolder | undefined;

  /** @internal */
  constructor(holder: PermitHolder, permits: number) {
    this.#holder = holder;
    this.permits = permits;
  }

  /** Gives all of them back. Releasing twice is harmless. */
  release(): void {
    const holder = this.#holder;
    if (holder === undefined) return;
    this.#holder = undefined;
    holder.giveBack(this.permits);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}
