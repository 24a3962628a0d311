import { closedError, type WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { Guard } from './guard.ts';
import {
  areaBytes,
  CONTROL_LIMIT,
  DEFAULT_PARTICIPANTS,
  FLAG_STAY,
  LINE_WORDS,
  SLOT_HELD,
  STATE,
} from './lock-layout.ts';
import {
  openEmbedded,
  openNamed,
  type AreaContent,
  type LockOptions,
  type OpenArea,
  type Verb,
} from './open-area.ts';
import type { Participant } from './participant.ts';
import { Permit, type PermitHolder } from './permit.ts';
import { spin } from './spin.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';
import { Waiting, type Attempts } from './waiting.ts';
import { withHeld } from './with-held.ts';

/** @see Semaphore */
export interface SemaphoreOptions extends LockOptions {
  /** Permits of a new semaphore: 0..1,000,000,000. Everybody who opens or makes it must agree. @default 1 */
  readonly permits?: number | undefined;
  /**
   * What becomes of the permits of a holder that dies: `return`: they are free at once; `stay`: they stay taken, and
   * anybody may `release` any number, which makes the semaphore a signal between processes. @default 'return'
   */
  readonly onDeath?: 'return' | 'stay' | undefined;
}

/** Takes part in how many permits. */
export interface PermitOptions extends WaitOptions {
  /** How many permits at once. @default 1 */
  readonly permits?: number | undefined;
}

const MAX_PERMITS = 1_000_000_000;

/** State: the permits that are free. Used with `stay` alone: with `return` they are what the holders' slots leave over. */
const AVAILABLE = STATE;
/** State: not 0 when somebody may be asleep. */
const SLEEPERS = STATE + 1;

/**
 * A counting semaphore between processes, worker threads and async functions.
 *
 * With `onDeath: 'return'` each holder's permits are counted in its own slot and nowhere else, so the number of free
 * ones is exact whatever step anybody dies at, and a dead holder's come back at once. Not fair: whoever is quickest.
 *
 * Thread: the one that opened it. Cost of taking and returning permits without waiting: four atomic instructions, and
 * one load for every slot in use. Layout: docs/wire-formats/lock.md.
 */
export class Semaphore implements Disposable, PermitHolder, Attempts<number, Permit> {
  readonly name: string | undefined;
  /** Whether this call made the semaphore, or found it. */
  readonly created: boolean;
  readonly #area: OpenArea;
  readonly #participant: Participant;
  readonly #guard: Guard;
  readonly #waiting: Waiting<number, Permit>;
  readonly #limit: number;
  readonly #stays: boolean;
  #open = true;

  private constructor(area: OpenArea, name: string | undefined, stays: boolean) {
    this.name = name;
    this.created = area.created;
    this.#area = area;
    this.#participant = area.participant;
    this.#guard = new Guard(area.participant);
    this.#waiting = new Waiting(area.participant, this);
    this.#limit = Atomics.load(area.participant.words, area.participant.base + CONTROL_LIMIT);
    this.#stays = stays;
  }

  /** Makes a named semaphore. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. @throws {TypeError} The name. @throws {RangeError} `permits`. */
  static create(name: string, options: SemaphoreOptions = {}): Semaphore {
    return Semaphore.#named('create', name, options);
  }

  /** Opens a named semaphore, with the permits it has. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static open(name: string, options: Omit<SemaphoreOptions, 'permits'> = {}): Semaphore {
    return Semaphore.#named('open', name, options);
  }

  /** Opens a named semaphore, or makes it. Throws as `create` and `open`; ERR_IPC_MISMATCH when `permits` or `onDeath` differ. */
  static openOrCreate(name: string, options: SemaphoreOptions = {}): Semaphore {
    return Semaphore.#named('openOrCreate', name, options);
  }

  /** The semaphore at `offset` of a region's payload; see `Mutex.in`. */
  static in(region: Region, offset: number, options: SemaphoreOptions = {}): Semaphore {
    return new Semaphore(
      openEmbedded(region, offset, contentOf(options), options),
      undefined,
      options.onDeath === 'stay',
    );
  }

  /** Bytes an embedded semaphore takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, 'semaphore');
  }

  /**
   * Takes permits if there are enough.
   *
   * @param permits - How many at once, all or none.
   * @throws {RangeError} `permits`: not 1 up to the semaphore's own (any, with `stay`). @throws {IpcError} ERR_IPC_CLOSED.
   */
  tryAcquire(permits = 1): Permit | undefined {
    this.#checkOpen();
    this.#checkPermits(permits);
    return this.#take(permits, false, this.#guard.tryEnter());
  }

  /** Takes permits, waiting on the event loop. @throws As `tryAcquire`; `signal.reason`. */
  acquire({ permits = 1, signal }: PermitOptions = {}): Promise<Permit> {
    try {
      signal?.throwIfAborted();
      const permit = this.#waiting.length === 0 ? this.tryAcquire(permits) : undefined;
      if (permit !== undefined) return Promise.resolve(permit);
      this.#checkOpen();
      this.#checkPermits(permits);
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- signal.reason may be anything
      return Promise.reject(error);
    }
    return this.#waiting.wait(permits, signal);
  }

  /**
   * Takes permits, blocking the thread.
   *
   * @returns undefined when `timeoutMs` has passed.
   * @throws As `tryAcquire`. @throws {RangeError} `timeoutMs`.
   */
  acquireSync(options?: { readonly permits?: number | undefined; readonly timeoutMs?: undefined }): Permit;
  acquireSync(options: BlockOptions & { readonly permits?: number | undefined }): Permit | undefined;
  acquireSync({ permits = 1, timeoutMs }: BlockOptions & { readonly permits?: number | undefined } = {}):
    Permit | undefined {
    const checked = checkTimeout(timeoutMs);
    const permit = this.tryAcquire(permits);
    if (permit !== undefined) return permit;
    const spun = spin(() => this.#available() >= permits) ? this.tryAcquire(permits) : undefined;
    return spun ?? this.#waiting.waitSync(permits, checked);
  }

  /** Acquires one permit, runs `work`, gives it back. */
  async withPermit<Result>(
    work: () => Result | Promise<Result>,
    options?: PermitOptions,
  ): Promise<Awaited<Result>> {
    return withHeld(await this.acquire(options), work);
  }

  /**
   * Adds permits that nobody has to have taken: a signal. Only with `onDeath: 'stay'`; else permits are given back by
   * their {@link Permit}.
   *
   * @throws {TypeError} The semaphore is not of that kind. @throws {RangeError} `permits`; more than 1,000,000,000 in all.
   */
  release(permits = 1): void {
    this.#checkOpen();
    if (!this.#stays)
      throw new TypeError(
        "only a semaphore with onDeath: 'stay' has permits without a holder: release the Permit",
      );
    this.#checkPermits(permits);
    this.#giveUnowned(permits);
  }

  /** Permits that are free, at this moment. */
  get available(): number {
    this.#checkOpen();
    return this.#available();
  }

  /** Lets go: permits held here come back (`return`) or stay taken (`stay`); callers that wait get ERR_IPC_CLOSED. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#waiting.close(closedError('semaphore'));
    if (!this.#stays) this.#giveOwn(this.#held);
    this.#area.close(() => this.#available() === this.#limit);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  giveBack(permits: number): void {
    if (!this.#open) return; // closing has dealt with it
    if (this.#stays) this.#giveUnowned(permits);
    else this.#giveOwn(permits);
    if (this.#waiting.length > 0) this.#waiting.look();
  }

  /** @internal */
  attempt(permits: number, announced: boolean): Permit | undefined {
    this.#checkOpen();
    this.#guard.enter();
    return this.#take(permits, announced, true);
  }

  /** @internal Whose death frees permits; with `stay`, nobody's. */
  watched(): readonly number[] {
    const { slotsStart, slotsEnd, words } = this.#participant;
    const holders: number[] = [];
    if (this.#stays) return holders;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) {
      if (Atomics.load(words, slot + SLOT_HELD) !== 0) holders.push(slot);
    }
    return holders;
  }

  static #named(verb: Verb, name: string, options: SemaphoreOptions): Semaphore {
    const area = openNamed(verb, name, contentOf(options), options);
    return new Semaphore(area, name, area.flags === FLAG_STAY);
  }

  /** The caller is inside the guard, if `entered`. */
  #take(permits: number, announced: boolean, entered: boolean): Permit | undefined {
    if (!entered) return undefined;
    const { words, base, slot } = this.#participant;
    try {
      if (
        this.#available() < permits &&
        (this.#stays || !this.#participant.buryTheDead() || this.#available() < permits)
      ) {
        if (announced) Atomics.store(words, base + SLEEPERS, 1);
        return undefined;
      }
      if (this.#stays) Atomics.sub(words, base + AVAILABLE, permits);
      else Atomics.store(words, slot + SLOT_HELD, this.#held + permits);
    } finally {
      this.#guard.leave();
    }
    return new Permit(this, permits);
  }

  #giveOwn(permits: number): void {
    if (permits === 0) return;
    this.#guard.enter();
    this.#ring();
    Atomics.store(this.#participant.words, this.#participant.slot + SLOT_HELD, this.#held - permits);
    this.#guard.leave();
  }

  #giveUnowned(permits: number): void {
    const { words, base } = this.#participant;
    this.#guard.enter();
    try {
      const available = Atomics.load(words, base + AVAILABLE);
      if (available + permits > MAX_PERMITS) {
        throw new RangeError(
          `a semaphore has at most ${MAX_PERMITS} permits: ${available} are free, ${permits} more do not fit`,
        );
      }
      this.#ring();
      Atomics.store(words, base + AVAILABLE, available + permits);
    } finally {
      this.#guard.leave();
    }
    if (this.#waiting.length > 0) this.#waiting.look();
  }

  /** Inside the guard, before the change: see {@link Guard}. */
  #ring(): void {
    const { words, base } = this.#participant;
    if (Atomics.load(words, base + SLEEPERS) === 0) return;
    this.#participant.ringAll();
    Atomics.store(words, base + SLEEPERS, 0);
  }

  get #held(): number {
    return Atomics.load(this.#participant.words, this.#participant.slot + SLOT_HELD);
  }

  #available(): number {
    const { words, base, slotsStart, slotsEnd } = this.#participant;
    if (this.#stays) return Atomics.load(words, base + AVAILABLE);
    let available = this.#limit;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS)
      available -= Atomics.load(words, slot + SLOT_HELD);
    return available;
  }

  #checkPermits(permits: number): void {
    const most = this.#stays ? MAX_PERMITS : this.#limit;
    if (!Number.isInteger(permits) || permits < 1 || permits > most) {
      throw new RangeError(`permits must be an integer from 1 to ${most}, got ${String(permits)}`);
    }
  }

  #checkOpen(): void {
    if (!this.#open) throw closedError('semaphore');
  }
}

function contentOf({ permits = 1, onDeath = 'return' }: SemaphoreOptions): AreaContent {
  const stays = onDeath === 'stay';
  if (!Number.isInteger(permits) || permits < (stays ? 0 : 1) || permits > MAX_PERMITS) {
    throw new RangeError(
      `permits must be an integer from ${stays ? 0 : 1} to ${MAX_PERMITS}, got ${String(permits)}`,
    );
  }
  return { kind: 'semaphore', flags: stays ? FLAG_STAY : 0, limit: permits, state: [permits] };
}
