import type { WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { CompoundLock } from './compound-lock.ts';
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
import { Permit, type PermitHolder } from './permit.ts';
import { spin } from './spin.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';
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

/**
 * A counting semaphore between processes, worker threads and async functions.
 *
 * With `onDeath: 'return'` each holder's permits are counted in its own slot and nowhere else, so the number of free
 * ones is exact whatever step anybody dies at, and a dead holder's come back at once. Not fair: whoever is quickest.
 *
 * Thread: the one that opened it. Cost of taking and returning permits without waiting: four atomic instructions, and
 * one load for every slot in use. Layout: docs/wire-formats/lock.md.
 */
export class Semaphore extends CompoundLock<number, Permit> implements PermitHolder {
  readonly #limit: number;
  readonly #stays: boolean;

  private constructor(area: OpenArea, name: string | undefined) {
    super(area, 'semaphore', name);
    this.#limit = Atomics.load(this.words, area.participant.base + CONTROL_LIMIT);
    this.#stays = area.flags === FLAG_STAY;
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
    this.checkOpen();
    this.#checkPermits(permits);
    return this.tryTake(permits);
  }

  /** Takes permits, waiting on the event loop. @throws As `tryAcquire`; `signal.reason`. */
  acquire({ permits = 1, signal }: PermitOptions = {}): Promise<Permit> {
    try {
      this.#checkPermits(permits);
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what #checkPermits throws is an Error
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
  acquireSync({ permits = 1, timeoutMs }: BlockOptions & { readonly permits?: number | undefined } = {}):
    Permit | undefined {
    const checked = checkTimeout(timeoutMs);
    this.#checkPermits(permits);
    return this.quickTake(permits) ?? this.#spinAndTake(permits) ?? this.waiting.waitSync(permits, checked);
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
    this.#add(permits);
  }

  /** Permits that are free, at this moment. */
  get available(): number {
    this.checkOpen();
    return this.#available();
  }

  /** @internal */
  giveBack(permits: number): void {
    if (!this.isOpen) return; // closing has dealt with it
    if (this.#stays) {
      this.#add(permits);
      return;
    }
    this.inside(() => {
      this.ring();
      this.#held -= permits;
    });
    this.lookHere();
  }

  protected override take(permits: number): Permit | undefined {
    if (this.#available() < permits) return undefined;
    if (this.#stays) Atomics.sub(this.words, this.#availableAt, permits);
    else this.#held += permits;
    return new Permit(this, permits);
  }

  protected override handBack(): void {
    if (this.#held === 0) return;
    this.ring();
    this.#held = 0;
  }

  protected override isPristine(): boolean {
    return this.#available() === this.#limit;
  }

  static #named(verb: Verb, name: string, options: SemaphoreOptions): Semaphore {
    return new Semaphore(openNamed(verb, name, contentOf(options), options), name);
  }

  #spinAndTake(permits: number): Permit | undefined {
    return spin(() => this.#available() >= permits) ? this.quickTake(permits) : undefined;
  }

  #add(permits: number): void {
    this.inside(() => {
      const available = this.#available();
      if (available + permits > MAX_PERMITS) {
        throw new RangeError(
          `a semaphore has at most ${MAX_PERMITS} permits: ${available} are free, ${permits} more do not fit`,
        );
      }
      this.ring();
      Atomics.store(this.words, this.#availableAt, available + permits);
    });
    this.lookHere();
  }

  /** Used with `stay` alone: with `return` the free permits are what the holders' slots leave over. */
  get #availableAt(): number {
    return this.participant.base + STATE;
  }

  get #held(): number {
    return Atomics.load(this.words, this.participant.slot + SLOT_HELD);
  }

  set #held(permits: number) {
    Atomics.store(this.words, this.participant.slot + SLOT_HELD, permits);
  }

  #available(): number {
    if (this.#stays) return Atomics.load(this.words, this.#availableAt);
    const { slotsStart, slotsEnd } = this.participant;
    let available = this.#limit;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) {
      available -= Atomics.load(this.words, slot + SLOT_HELD);
    }
    return available;
  }

  #checkPermits(permits: number): void {
    const most = this.#stays ? MAX_PERMITS : this.#limit;
    if (!Number.isInteger(permits) || permits < 1 || permits > most) {
      throw new RangeError(`permits must be an integer from 1 to ${most}, got ${permits}`);
    }
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
