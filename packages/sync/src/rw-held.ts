/** The two ways to hold a readers-writer lock. */
import type { WaitOptions } from '@ipc/core';
import { Held } from './held.ts';
import type { RwLock } from './rw-lock.ts';
import type { BlockOptions } from './timeout.ts';

/** Possession of a {@link RwLock} for writing. */
export class ExclusiveHeld extends Held<RwLock> {
  /** Goes on as a reader, letting other readers in, and no writer in between. This possession ends. */
  downgrade(): SharedHeld {
    return this.lock.downgrade(this);
  }
}

/** Possession of a {@link RwLock} for reading. */
export class SharedHeld extends Held<RwLock> {
  /**
   * Becomes a writer if there is no other reader that lives; this possession then ends. It does not wait: two readers that both
   * waited to write would wait for each other for ever.
   */
  tryUpgrade(): ExclusiveHeld | undefined {
    return this.lock.tryUpgrade(this);
  }
}

/** One of the two ways to hold a {@link RwLock}, with the three spellings of every lock. */
export interface Side<Possession extends Held> {
  /** Takes it if nobody is in the way. */
  tryAcquire(): Possession | undefined;
  /** Takes it, waiting on the event loop. Rejects with `signal.reason`. */
  acquire(options?: WaitOptions): Promise<Possession>;
  /** Takes it, blocking the thread; undefined when `timeoutMs` has passed. */
  acquireSync(): Possession;
  acquireSync(options: BlockOptions): Possession | undefined;
  /** Acquires, runs `work`, releases. */
  withLock<Result>(
    work: (held: Possession) => Result | Promise<Result>,
    options?: WaitOptions,
  ): Promise<Awaited<Result>>;
}
