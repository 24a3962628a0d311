import { closedError, type WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { Held, type Holder } from './held.ts';
import {
  ABANDONED,
  areaBytes,
  DEFAULT_PARTICIPANTS,
  FLAG_FAIR,
  UNRECOVERABLE,
  WAITERS,
} from './lock-layout.ts';
import { contentOf, type MutexOptions, type MutexOwner } from './mutex-options.ts';
import { openEmbedded, openNamed, type OpenArea } from './open-area.ts';
import { OwnerWord, type Taken } from './owner-word.ts';
import type { Participant, ParticipantInfo } from './participant.ts';
import { spin } from './spin.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';
import { NO_TICKET, Turns } from './turns.ts';
import { Waiting, type Attempts } from './waiting.ts';
import { heldMs, Trace } from './trace.ts';
import { withHeld } from './with-held.ts';

/**
 * Mutual exclusion between processes, worker threads, and the async functions of one thread.
 *
 * - One owner at a time, however slow or stopped it is; ownership ends by `release`, `close`, or death.
 * - An owner that dies, or closes, while it holds the lock hands it on at once: the next taker gets it with
 *   `held.abandoned === true`. The kernel proves the death; no clock and no process id is consulted.
 * - `acquire` waits on the event loop, `acquireSync` blocks the thread, `tryAcquire` does not wait. All three may be mixed.
 * - Not recursive, unless asked: an object that holds the lock waits for itself like any other.
 * - Not fair, unless made so: a lock that was just released goes to whoever is quickest. Callers of one object are served in order.
 *
 * Thread: the one that opened it; a worker opens the name again and is a party of its own.
 * Source: the futex mutex with three states of Drepper, "Futexes Are Tricky", made robust as in
 * Documentation/locking/robust-futexes.rst; the layout is docs/wire-formats/lock.md.
 */
export class Mutex implements Disposable, Holder, Attempts<number, Held> {
  readonly name: string | undefined;
  /** Whether this call made the lock, or found it. */
  readonly created: boolean;
  readonly #area: OpenArea;
  readonly #participant: Participant;
  readonly #word: OwnerWord;
  readonly #turns: Turns | undefined;
  /** Each caller waits with its ticket. */
  readonly #waiting: Waiting<number, Held>;
  readonly #repair: (() => void) | undefined;
  readonly #recursive: boolean;
  readonly #trace: Trace | undefined;
  readonly #isPristine: (word: number) => boolean;
  readonly #watched: number[] = [];
  /** The possession of this object, if any. */
  #held: Held | undefined;
  /** Possessions beyond the first one. */
  #depth = 0;
  #open = true;

  private constructor(
    area: OpenArea,
    name: string | undefined,
    { repair, recursive = false, trace = false }: MutexOptions,
    isPristine = (word: number): boolean => (word & ~WAITERS) === 0,
  ) {
    this.name = name;
    this.created = area.created;
    this.#area = area;
    this.#participant = area.participant;
    this.#turns = area.flags === FLAG_FAIR ? new Turns(area.participant) : undefined;
    this.#word = new OwnerWord(area.participant, this.#turns);
    this.#waiting = new Waiting(area.participant, this);
    this.#repair = repair;
    this.#recursive = recursive;
    this.#trace = trace ? new Trace(area.participant, area.descriptor) : undefined;
    this.#isPristine = isPristine;
  }

  /** Makes a named mutex. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. @throws {TypeError} The name. */
  static create(name: string, options: MutexOptions = {}): Mutex {
    return new Mutex(openNamed('create', name, contentOf(options), options), name, options);
  }

  /** Opens a named mutex. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static open(name: string, options: MutexOptions = {}): Mutex {
    return new Mutex(openNamed('open', name, contentOf(options), options), name, options);
  }

  /** Opens a named mutex, or makes it. Throws as `create` and `open`. Cost: about 15 system calls. */
  static openOrCreate(name: string, options: MutexOptions = {}): Mutex {
    return new Mutex(openNamed('openOrCreate', name, contentOf(options), options), name, options);
  }

  /**
   * The mutex at `offset` of a region's payload; the first to come makes it, in bytes that are zero.
   *
   * @param offset - A multiple of 64 with {@link Mutex.bytes} behind it that belong to the mutex alone.
   * @throws {RangeError} `offset`. @throws {IpcError} as `open`.
   */
  static in(region: Region, offset: number, options: MutexOptions = {}): Mutex {
    return new Mutex(openEmbedded(region, offset, contentOf(options), options), undefined, options);
  }

  /** @internal The mutex of a structure that has words of its own behind the owner word. */
  static over(area: OpenArea, name: string | undefined, isPristine: (word: number) => boolean): Mutex {
    return new Mutex(area, name, {}, isPristine);
  }

  /** Bytes an embedded mutex takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it: those keep their lock, and new ones get another. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, 'mutex');
  }

  /**
   * Takes the lock if nobody has it.
   *
   * @returns undefined when somebody has.
   * @throws {IpcError} ERR_IPC_CLOSED; ERR_IPC_CORRUPT when it was given up as unrecoverable. What `repair` throws.
   * Cost: one atomic instruction and one small object; when somebody has it, one system call.
   */
  tryAcquire(): Held | undefined {
    return this.#take() ?? this.#takeAgain() ?? this.#attemptHere(false, NO_TICKET);
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
      const held = this.#waiting.length === 0 ? this.tryAcquire() : this.#takeAgain();
      if (held !== undefined) return Promise.resolve(held);
      this.#checkOpen();
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- signal.reason may be anything
      return Promise.reject(error);
    }
    return this.#waiting.wait(this.#draw(), signal, this.#held === undefined);
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

  /** @internal Whether this object holds the lock, and one release gives it back. */
  get isHeldOnce(): boolean {
    return this.#held !== undefined && this.#depth === 0;
  }

  get isClosed(): boolean {
    return !this.#open;
  }

  /** Who holds the lock, as far as one can tell from here: it may have changed before you look. Undefined when it is free. */
  get owner(): MutexOwner | undefined {
    this.#checkOpen();
    const identity = this.#word.owner;
    const slot = this.#participant.slotOf(identity);
    return slot === undefined
      ? undefined
      : {
          ...this.#participant.info(slot),
          alive: this.#participant.isAlive(identity),
          heldMs: heldMs(this.#participant.words, slot),
        };
  }

  /** Who sleeps until the lock is free, one entry for each object however many callers it has: a look, as `owner`. */
  get waiters(): readonly ParticipantInfo[] {
    this.#checkOpen();
    return this.#participant.sleepers.map((slot) => this.#participant.info(slot));
  }

  /**
   * Gives the lock up for good, because what it protects cannot be repaired: everybody gets ERR_IPC_CORRUPT from now on.
   *
   * @throws {TypeError} `held` is not a possession of this object, or has ended.
   */
  markUnrecoverable(held: Held): void {
    if (this.#held === undefined || !held.isOf(this))
      throw new TypeError('only its holder can give a mutex up');
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
    const first = this.#waiting.first;
    this.#waiting.close(closedError('mutex'));
    if (first !== undefined) this.#turns?.forgo(first);
    if (this.#held !== undefined) {
      this.#held = undefined;
      this.#word.giveAs(ABANDONED);
    }
    this.#trace?.released();
    this.#area.close(() => this.#isPristine(this.#word.word));
    this.#word.detach();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  giveBack(): void {
    if (this.#held === undefined) return; // closed, or given up
    if (this.#depth > 0) {
      this.#depth--;
      return;
    }
    this.#held = undefined;
    this.#trace?.released();
    if (this.#waiting.length > 0) this.#turns?.stand(this.#waiting.first ?? NO_TICKET);
    this.#word.give();
    if (this.#waiting.length > 0) this.#waiting.look();
  }

  /** @internal */
  attempt(ticket: number, announced: boolean): Held | undefined {
    return this.#attemptHere(announced, ticket);
  }

  /** @internal */
  gaveUp(ticket: number): void {
    this.#turns?.forgo(ticket);
  }

  /** @internal */
  watched(): readonly number[] {
    const slot = this.#participant.slotOf(this.#word.blocker);
    this.#watched.length = 0;
    if (slot !== undefined) this.#watched.push(slot);
    return this.#watched;
  }

  #take(): Held | undefined {
    if (!this.#word.take()) return undefined;
    this.#trace?.acquired();
    return (this.#held = new Held(this, false));
  }

  #takeAgain(): Held | undefined {
    if (!this.#recursive || this.#held === undefined) return undefined;
    this.#depth++;
    return new Held(this, this.#held.abandoned);
  }

  #draw(): number {
    return this.#turns?.draw() ?? NO_TICKET;
  }

  #attemptHere(announced: boolean, ticket: number): Held | undefined {
    this.#checkOpen();
    if (this.#held !== undefined) return undefined;
    const taken = this.#word.attempt(announced, ticket);
    return taken === undefined ? undefined : this.#possess(taken);
  }

  #possess(taken: Taken): Held {
    const abandoned = taken === 'abandoned';
    this.#trace?.acquired();
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
    const again = this.#takeAgain();
    if (again !== undefined) return again;
    if (this.#held === undefined && spin(() => this.#word.looksFree)) {
      const held = this.tryAcquire();
      if (held !== undefined) return held;
    }
    const slot = this.#participant.slotOf(this.#word.owner);
    if (timeoutMs < 0 && slot !== undefined && this.#participant.isOwnThread(slot)) {
      throw new TypeError('the mutex is held in this thread: blocking the thread would block for ever');
    }
    const held = this.#waiting.waitSync(this.#draw(), timeoutMs);
    if (held === undefined && this.#waiting.length > 0) this.#waiting.look(); // its slot showed another's ticket
    return held;
  }

  #checkOpen(): void {
    if (!this.#open) throw closedError('mutex');
  }
}
