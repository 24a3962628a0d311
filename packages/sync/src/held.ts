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
export class Held<Lock extends Holder = Holder> implements Disposable, AsyncDisposable {
  /** The previous owner died, or closed, while it held the lock: what it protects may be half-changed. */
  readonly abandoned: boolean;
  #lock: Lock | undefined;

  /** @internal */
  constructor(lock: Lock, abandoned: boolean) {
    this.#lock = lock;
    this.abandoned = abandoned;
  }

  /** False once released. */
  get isHeld(): boolean {
    return this.#lock !== undefined;
  }

  /** @internal What is held. @throws {TypeError} Nothing any more. */
  protected get lock(): Lock {
    if (this.#lock === undefined) throw new TypeError('the possession was released, and is none any more');
    return this.#lock;
  }

  /** @internal Whether it is a possession of that object, and has not ended. */
  isOf(lock: Holder): boolean {
    return this.#lock === lock;
  }

  /** Lets the next one in. Cost: one atomic instruction, and a system call for each sleeping thread when there are any. */
  release(): void {
    const lock = this.#lock;
    if (lock === undefined) return;
    this.#lock = undefined;
    lock.giveBack(this);
  }

  /** @internal Ends without giving anything back: another possession takes its place. */
  forget(): void {
    this.#lock = undefined;
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}
