import { closedError, type WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { Held, type Holder } from './held.ts';
import { ABANDONED, areaBytes, DEFAULT_PARTICIPANTS, UNRECOVERABLE } from './lock-layout.ts';
import { openEmbedded, openNamed, type AreaContent, type LockOptions, type OpenArea } from './open-area.ts';
import { OwnerWord, type Taken } from './owner-word.ts';
import type { Participant, ParticipantInfo } from './participant.ts';
import { spin } from './spin.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';
import { Waiting, type Attempts } from './waiting.ts';
import { withHeld } from './with-held.ts';

/** @see Mutex */
export interface MutexOptions extends LockOptions {
  /**
   * Called when the lock was abandoned, while it is held and before its taker gets it. If it throws, the taker gets the
   * error and the next one is asked to repair: nobody gets in unrepaired. It must not wait.
   */
  readonly repair?: (() => void) | undefined;
}

const content: AreaContent = { kind: 'mutex', flags: 0, limit: 0 };

/**
 * Mutual exclusion between processes, worker threads, and the async functions of one thread.
 *
 * - One owner at a time, however slow or stopped it is; ownership ends by `release`, `close`, or death.
 * - An owner that dies, or closes, while it holds the lock hands it on at once: the next taker gets it with
 *   `held.abandoned === true`. The kernel proves the death; no clock and no process id is consulted.
 * - `acquire` waits on the event loop, `acquireSync` blocks the thread, `tryAcquire` does not wait. All three may be mixed.
 * - Not recursive: an object that holds the lock waits for itself like any other.
 * - Not fair: a lock that was just released goes to whoever is quickest. Callers of one object are served in order.
 *
 * Thread: the one that opened it; a worker opens the name again and is a party of its own.
 * Source: the futex mutex with three states of Drepper, "Futexes Are Tricky", made robust as in
 * Documentation/locking/robust-futexes.rst; the layout is docs/wire-formats/lock.md.
 */
export class Mutex implements Disposable, Holder, Attempts<undefined, Held> {
  readonly name: string | undefined;
  /** Whether this call made the lock, or found it. */
  readonly created: boolean;
  readonly #area: OpenArea;
  readonly #participant: Participant;
  readonly #word: OwnerWord;
  readonly #waiting: Waiting<undefined, Held>;
  readonly #repair: (() => void) | undefined;
  readonly #isPristine: () => boolean;
  readonly #watched: number[] = [];
  /** The possession of this object, if any. */
  #held: Held | undefined;
  #open = true;

  private constructor(
    area: OpenArea,
    name: string | undefined,
    repair: (() => void) | undefined,
    isPristine = (): boolean => true,
  ) {
    this.name = name;
    this.created = area.created;
    this.#area = area;
    this.#participant = area.participant;
    this.#word = new OwnerWord(area.participant);
    this.#waiting = new Waiting(area.participant, this);
    this.#repair = repair;
    this.#isPristine = isPristine;
  }

  /** Makes a named mutex. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. @throws {TypeError} The name. */
  static create(name: string, options: MutexOptions = {}): Mutex {
    return new Mutex(openNamed('create', name, content, options), name, options.repair);
  }

  /** Opens a named mutex. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static open(name: string, options: MutexOptions = {}): Mutex {
    return new Mutex(openNamed('open', name, content, options), name, options.repair);
  }

  /** Opens a named mutex, or makes it. Throws as `create` and `open`. Cost: about 15 system calls. */
  static openOrCreate(name: string, options: MutexOptions = {}): Mutex {
    return new Mutex(openNamed('openOrCreate', name, content, options), name, options.repair);
  }

  /**
   * The mutex at `offset` of a region's payload; the first to come makes it, in bytes that are zero.
   *
   * @param offset - A multiple of 64 with {@link Mutex.bytes} behind it that belong to the mutex alone.
   * @throws {RangeError} `offset`. @throws {IpcError} as `open`.
   */
  static in(region: Region, offset: number, options: MutexOptions = {}): Mutex {
    return new Mutex(openEmbedded(region, offset, content, options), undefined, options.repair);
  }

  /** @internal The mutex of a structure that has words of its own behind the owner word. */
  static over(area: OpenArea, name: string | undefined, isPristine: () => boolean): Mutex {
    return new Mutex(area, name, undefined, isPristine);
  }

  /** Bytes an embedded mutex takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it: those keep their lock, and new ones get another. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, content.kind);
  }

  /**
   * Takes the lock if nobody has it.
   *
   * @returns undefined when somebody has.
   * @throws {IpcError} ERR_IPC_CLOSED; ERR_IPC_CORRUPT when it was given up as unrecoverable. What `repair` throws.
   * Cost: one atomic instruction and one small object; when somebody has it, one system call.
   */
  tryAcquire(): Held | undefined {
    return this.#take() ?? this.#attemptHere(false);
  }

  /**
   * Takes the lock, waiting on the event loop.
   *
   * @param options - `signal` gives up, and leaves the lock as if never asked.
   * @throws As `tryAcquire`; `signal.reason`. ERR_IPC_CLOSED also when the object is closed meanwhile.
   * Cost: when the lock is free no system call and no turn of the event loop.
   */
  acquire(options?: WaitOptions): Promise<Held> {
    const signal = options?.signal;
    try {
      signal?.throwIfAborted();
      const held = this.#waiting.length === 0 ? this.tryAcquire() : undefined;
      if (held !== undefined) return Promise.resolve(held);
      this.#checkOpen();
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- signal.reason may be anything
      return Promise.reject(error);
    }
    return this.#waiting.wait(undefined, signal, this.#held === undefined);
  }

  /**
   * Takes the lock, blocking the thread: timers, I/O and other callers of this thread stand still meanwhile.
   *
   * @returns undefined when `timeoutMs` has passed.
   * @throws As `tryAcquire`. @throws {RangeError} `timeoutMs`.
   * @throws {TypeError} The owner is of this very thread and no `timeoutMs` is given: it would block for ever.
   * Cost: as `tryAcquire` when the lock is free; else it spins for some microseconds, if the thread may run on more than
   *   one processor, and then sleeps.
   */
  acquireSync(): Held;
  acquireSync(options: BlockOptions): Held | undefined;
  acquireSync(options?: BlockOptions): Held | undefined {
    return this.#take() ?? this.#acquireSlowly(checkTimeout(options?.timeoutMs));
  }

  /** Acquires, runs `work`, releases. `work` is told what `held.abandoned` says. */
  async withLock<Result>(
    work: (held: Held) => Result | Promise<Result>,
    options?: WaitOptions,
  ): Promise<Awaited<Result>> {
    const held = await this.acquire(options);
    return withHeld(held, () => work(held));
  }

  /** Whether this object holds the lock. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  get isClosed(): boolean {
    return !this.#open;
  }

  /** Who holds the lock, as far as one can tell from here: it may have changed before you look. Undefined when it is free. */
  get owner(): (ParticipantInfo & { readonly alive: boolean }) | undefined {
    this.#checkOpen();
    const identity = this.#word.owner;
    const slot = this.#participant.slotOf(identity);
    return slot === undefined
      ? undefined
      : { ...this.#participant.info(slot), alive: this.#participant.isAlive(identity) };
  }

  /** Who sleeps until the lock is free, one entry for each object however many callers it has: a look, as `owner`. */
  get waiters(): readonly ParticipantInfo[] {
    this.#checkOpen();
    return this.#participant.sleepers.map((slot) => this.#participant.info(slot));
  }

  /** Gives the lock up for good, because what it protects cannot be repaired: everybody gets ERR_IPC_CORRUPT from now on. */
  markUnrecoverable(held: Held): void {
    if (held !== this.#held) throw new TypeError('only its holder can give a mutex up');
    this.#held = undefined;
    this.#word.giveAs(UNRECOVERABLE);
    this.#waiting.look();
  }

  /**
   * Lets go of the mutex. Callers that wait get ERR_IPC_CLOSED; if this object holds the lock, the next taker gets it
   * as abandoned. The last one to close removes the name, unless the lock is abandoned. Idempotent.
   */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#held !== undefined) {
      this.#held = undefined;
      this.#word.giveAs(ABANDONED);
    }
    this.#waiting.close(closedError('mutex'));
    this.#area.close(() => this.#word.word === 0 && this.#isPristine());
    this.#word.detach();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  giveBack(held: Held): void {
    if (held !== this.#held) return; // closed, or given up
    this.#held = undefined;
    this.#word.give();
    if (this.#waiting.length > 0) this.#waiting.look();
  }

  /** @internal */
  attempt(_item: undefined, announced: boolean): Held | undefined {
    return this.#attemptHere(announced);
  }

  /** @internal */
  watched(): readonly number[] {
    const slot = this.#participant.slotOf(this.#word.blocker);
    this.#watched.length = 0;
    if (slot !== undefined) this.#watched.push(slot);
    return this.#watched;
  }

  #take(): Held | undefined {
    return this.#word.take() ? (this.#held = new Held(this, false)) : undefined;
  }

  #attemptHere(announced: boolean): Held | undefined {
    this.#checkOpen();
    if (this.#held !== undefined) return undefined;
    const taken = this.#word.attempt(announced);
    return taken === undefined ? undefined : this.#possess(taken);
  }

  #possess(taken: Taken): Held {
    const abandoned = taken === 'abandoned';
    this.#held = new Held(this, abandoned);
    if (!abandoned) return this.#held;
    this.#participant.buryTheDead();
    if (this.#repair === undefined) return this.#held;
    try {
      this.#repair();
      return this.#held;
    } catch (error) {
      this.#held = undefined;
      this.#word.giveAs(ABANDONED);
      throw error;
    }
  }

  #acquireSlowly(timeoutMs: number): Held | undefined {
    this.#checkOpen();
    if (this.#held === undefined && spin(() => this.#word.looksFree)) {
      const held = this.tryAcquire();
      if (held !== undefined) return held;
    }
    const slot = this.#participant.slotOf(this.#word.owner);
    if (timeoutMs < 0 && slot !== undefined && this.#participant.isOwnThread(slot)) {
      throw new TypeError('the mutex is held in this thread: blocking the thread would block for ever');
    }
    return this.#waiting.waitSync(undefined, timeoutMs);
  }

  #checkOpen(): void {
    if (!this.#open) throw closedError('mutex');
  }
}
