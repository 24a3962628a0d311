/** The lock a {@link Held} gives back to. */
export interface Holder {
  /** @internal */
  giveBack(held: Held): void;
}

/**
 * Possession of a lock, until `release`, the end of a `using` block, or the death of the process.
 *
 * Releasing twice is harmless. A `Held` that is dropped without release keeps the lock.
 */
export class Held implements Disposable, AsyncDisposable {
  /** The previous owner died, or closed, while it held the lock: what it protects may be half-changed. */
  readonly abandoned: boolean;
  #holder: Holder | undefined;

  /** @internal */
  constructor(holder: Holder, abandoned: boolean) {
    this.#holder = holder;
    this.abandoned = abandoned;
  }

  /** False once released. */
  get isHeld(): boolean {
    return this.#holder !== undefined;
  }

  /** @internal Whether it is a possession of that object, and has not ended. */
  isOf(holder: Holder): boolean {
    return this.#holder === holder;
  }

  /** Lets the next one in. Cost: one atomic instruction, and a system call for each sleeping thread when there are any. */
  release(): void {
    const holder = this.#holder;
    if (holder === undefined) return;
    this.#holder = undefined;
    holder.giveBack(this);
  }

  /** @internal Ends without giving anything back: another possession takes its place. */
  forget(): void {
    this.#holder = undefined;
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}
