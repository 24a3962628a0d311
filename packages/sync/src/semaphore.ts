import { IpcError, type WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { CompoundLock } from './compound-lock.ts';
import {
  areaBytes,
  CONTROL_LIMIT,
  DEFAULT_PARTICIPANTS,
  FLAG_FAIR,
  FLAG_STAY,
  SLOT_WANTS,
} from './lock-layout.ts';
import {
  openEmbedded,
  openNamed,
  type AreaContent,
  type LockOptions,
  type OpenArea,
  type Verb,
} from './open-area.ts';
import { Permit, type PermitHolder } from './permit.ts';
import { PermitCount } from './permit-count.ts';
import { spin } from './spin.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';
import { withHeld } from './with-held.ts';

/** @see Semaphore */
export interface SemaphoreOptions extends LockOptions {
  /** Permits of a new semaphore: 1..1,000,000, with `stay` 0..1,000,000,000. Everybody who opens or makes it must agree. @default 1 */
  readonly permits?: number | undefined;
  /**
   * What becomes of the permits of a holder that dies: `return`: they are free at once; `stay`: they stay taken, and
   * anybody may `release` any number, which makes the semaphore a signal between processes. @default 'return'
   */
  readonly onDeath?: 'return' | 'stay' | undefined;
  /**
   * First come, first served, across processes: who wants many permits is not passed by those who want few. Costs as that of
   * {@link MutexOptions}. Everybody who opens or makes the semaphore must agree; `open` takes it as it is.
   * @default false: whoever is quickest
   */
  readonly fair?: boolean | undefined;
}

/** Takes part in how many permits. */
export interface PermitOptions extends WaitOptions {
  /** How many permits at once. @default 1 */
  readonly permits?: number | undefined;
}

const MAX_PERMITS = 1_000_000;
const MAX_STAYING_PERMITS = 1_000_000_000;

/**
 * A counting semaphore between processes, worker threads and async functions.
 *
 * With `onDeath: 'return'` each holder's permits are counted in its own slot, so a dead holder's come back at once; the number
 * of free ones is kept beside them (permit-count.ts).
 *
 * Thread: the one that opened it. Cost of taking and returning permits without waiting: two atomic instructions; of a
 * fair one four, and a load for every slot in use. Layout: docs/wire-formats/lock.md.
 */
export class Semaphore extends CompoundLock<number, Permit> implements PermitHolder {
  readonly #limit: number;
  readonly #stays: boolean;
  readonly #count: PermitCount;

  private constructor(area: OpenArea, name: string | undefined) {
    super(area, 'semaphore', name);
    this.#stays = (area.flags & FLAG_STAY) !== 0;
    const limit = Atomics.load(this.words, area.participant.base + CONTROL_LIMIT);
    this.#limit = this.#stays ? MAX_STAYING_PERMITS : limit;
    if (this.#limit < 1 || (!this.#stays && limit > MAX_PERMITS)) {
      area.close(() => false);
      throw new IpcError('ERR_IPC_CORRUPT', `the memory says that the semaphore has ${limit} permits`);
    }
    this.#count = new PermitCount(area.participant, this.#limit, this.#stays);
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
    return new Semaphore(openEmbedded(region, offset, contentOf(options), options), undefined);
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
    this.#checkPermits(permits);
    return this.#quickTake(permits) ?? this.tryTake(permits);
  }

  /** Takes permits, waiting on the event loop. @throws As `tryAcquire`; `signal.reason`. */
  acquire({ permits = 1, signal }: PermitOptions = {}): Promise<Permit> {
    try {
      this.#checkPermits(permits);
      const permit = this.hasWaiters || signal?.aborted === true ? undefined : this.#quickTake(permits);
      if (permit !== undefined) return Promise.resolve(permit);
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what is thrown here is an Error
      return Promise.reject(error);
    }
    return this.takeOrWait(permits, signal);
  }

  /**
   * Takes permits, blocking the thread.
   *
   * @returns undefined when `timeoutMs` has passed.
   * @throws As `tryAcquire`. @throws {RangeError} `timeoutMs`.
   */
  acquireSync(options?: { readonly permits?: number | undefined; readonly timeoutMs?: undefined }): Permit;
  acquireSync(options: BlockOptions & { readonly permits?: number | undefined }): Permit | undefined;
  acquireSync(options?: BlockOptions & { readonly permits?: number | undefined }): Permit | undefined {
    const permits = options?.permits ?? 1;
    const timeoutMs = checkTimeout(options?.timeoutMs);
    this.#checkPermits(permits);
    return this.#quickTake(permits) ?? this.#acquireSlowly(permits, timeoutMs);
  }

  /** Acquires, runs `work`, gives the permits back. */
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
    this.checkOpen();
    if (!this.#stays) {
      throw new TypeError(
        "only a semaphore with onDeath: 'stay' has permits without a holder: release the Permit",
      );
    }
    this.#checkPermits(permits);
    this.#give(permits);
  }

  /** Permits that are free, at this moment: a look, without the permits of a holder whose death nobody has noticed yet. */
  get available(): number {
    this.checkOpen();
    return this.#count.free;
  }

  /** @internal */
  giveBack(permits: number): void {
    if (this.isOpen) this.#give(permits); // else closing has dealt with it
  }

  protected override take(permits: number): Permit | undefined {
    return this.#count.takeInside(permits) ? new Permit(this, permits) : undefined;
  }

  /** @internal For those who look for deadlocks. */
  protected override ask(permits: number): void {
    Atomics.store(this.words, this.participant.slot + SLOT_WANTS, permits);
  }

  protected override handBack(): void {
    const { held } = this.#count;
    const before = held > 0 ? this.#count.give(held) : undefined;
    if (before === undefined) return;
    this.ring();
    this.#count.giveInside(held, before);
  }

  protected override isPristine(): boolean {
    const made = Atomics.load(this.words, this.participant.base + CONTROL_LIMIT);
    return !this.#stays || this.#count.free === made;
  }

  protected override holders(): readonly number[] {
    return this.#count.holders;
  }

  static #named(verb: Verb, name: string, options: SemaphoreOptions): Semaphore {
    return new Semaphore(openNamed(verb, name, contentOf(options), options), name);
  }

  /** Takes what is said to be free. */
  #quickTake(permits: number): Permit | undefined {
    if (this.isFair) return this.quickTake(permits);
    this.checkOpen();
    const taken = this.#count.take(permits);
    if (taken === 'taken') return new Permit(this, permits);
    if (taken === 'withdrawn') this.#ringInside();
    return undefined;
  }

  #ringInside(): void {
    this.inside(() => {
      this.ring();
    });
  }

  #acquireSlowly(permits: number, timeoutMs: number): Permit | undefined {
    let permit: Permit | undefined;
    spin(() => this.available >= permits && (permit = this.#quickTake(permits)) !== undefined);
    return permit ?? this.takeSync(permits, timeoutMs);
  }

  #give(permits: number): void {
    const before = this.#count.give(permits);
    if (before !== undefined) this.#giveInside(permits, before);
    this.lookHere();
  }

  /** A method of its own: a function with closures allocates what they capture even when it does not come to them. */
  #giveInside(permits: number, before: number): void {
    this.inside(() => {
      this.ring();
      this.#count.giveInside(permits, before);
    });
  }

  #checkPermits(permits: number): void {
    if (!Number.isInteger(permits) || permits < 1 || permits > this.#limit) throw this.#rangeError(permits);
  }

  #rangeError(permits: number): RangeError {
    return new RangeError(`permits must be an integer from 1 to ${this.#limit}, got ${permits}`);
  }
}

function contentOf({ permits = 1, onDeath = 'return', fair = false }: SemaphoreOptions): AreaContent {
  const [least, most] = onDeath === 'stay' ? [0, MAX_STAYING_PERMITS] : [1, MAX_PERMITS];
  if (!Number.isInteger(permits) || permits < least || permits > most) {
    throw new RangeError(`permits must be an integer from ${least} to ${most}, got ${String(permits)}`);
  }
  return {
    kind: 'semaphore',
    flags: (onDeath === 'stay' ? FLAG_STAY : 0) | (fair ? FLAG_FAIR : 0),
    limit: permits,
    state: [permits],
  };
}
