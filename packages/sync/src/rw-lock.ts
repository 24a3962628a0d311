import type { WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { CompoundLock } from './compound-lock.ts';
import type { Held, Holder } from './held.ts';
import {
  areaBytes,
  DEFAULT_PARTICIPANTS,
  FLAG_FAIR,
  LINE_WORDS,
  SLOT_HELD,
  SLOT_WANTS,
  STATE,
} from './lock-layout.ts';
import { openEmbedded, openNamed, type AreaContent, type LockOptions, type OpenArea } from './open-area.ts';
import { ExclusiveHeld, SharedHeld, type Side } from './rw-held.ts';
import { RwSlot } from './rw-slot.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';
import { unrecoverableError } from './unrecoverable-error.ts';
import { withHeld } from './with-held.ts';

/** SLOT_HELD of a writer; of a reader, how many times it reads. */
const WRITING = -1;
/** SLOT_WANTS of a writer that waits: new readers let it go first. */
const WANTS_TO_WRITE = 1;
/** State: 1 when a writer died, until a writer that was told has released, or a repair has succeeded; 2 for ever when it was given up. */
const ABANDONED_AT = STATE;
const GIVEN_UP = 2;

/** @see RwLock */
export interface RwLockOptions extends LockOptions {
  /**
   * Called when the last writer died, while nobody else is inside and before the taker gets the lock, for reading or for writing. If it
   * throws, the taker gets the error and the next one is asked to repair: nobody who has a `repair` gets in unrepaired. It must not wait.
   */
  readonly repair?: (() => void) | undefined;
  /**
   * First come, first served, readers and writers alike, across processes: readers that stand side by side in line read together.
   * Costs as that of {@link MutexOptions}. Everybody who opens or makes the lock must agree; `open` takes it as it is.
   * @default false: a writer that waits goes before readers that come after it, else whoever is quickest
   */
  readonly fair?: boolean | undefined;
}

function contentOf({ fair = false }: RwLockOptions): AreaContent {
  return {
    kind: 'rwlock',
    flags: fair ? FLAG_FAIR : 0,
    limit: 0,
    onDeath(words, base, slot) {
      if (Atomics.load(words, slot + SLOT_HELD) === WRITING)
        Atomics.compareExchange(words, base + ABANDONED_AT, 0, 1); // it may have died giving the lock up
      Atomics.store(words, slot + SLOT_WANTS, 0);
    },
  };
}

type Mode = 'shared' | 'exclusive';

/**
 * Many readers or one writer, between processes, worker threads and async functions.
 *
 * - A writer that waits goes before readers that come after it, unless the lock is `fair`: then all go in the order they came.
 *   One object may read several times at once, and one that reads need not wait for its turn to do so again.
 * - A reader that dies is gone, as if it had released. After a writer that died, everybody gets the lock with
 *   `held.abandoned === true` until a writer has had it, and released it, or a `repair` has succeeded.
 *
 * Who reads and who writes is written in the participants' own slots and nowhere else, so it is exact whatever step anybody
 * dies at. Thread: the one that opened it. Layout: docs/wire-formats/lock.md.
 * @throws {IpcError} ERR_IPC_CLOSED from every call after `close`; ERR_IPC_CORRUPT from whoever takes it when it was given up.
 */
export class RwLock extends CompoundLock<Mode, Held> implements Holder {
  /** For reading. */
  readonly shared: Side<SharedHeld> = this.#side<SharedHeld>('shared');
  /** For writing. */
  readonly exclusive: Side<ExclusiveHeld> = this.#side<ExclusiveHeld>('exclusive');

  readonly #repair: (() => void) | undefined;
  readonly #own: RwSlot;
  readonly #abandonedAt: number;

  private constructor(area: OpenArea, name: string | undefined, { repair }: RwLockOptions) {
    super(area, 'rwlock', name);
    this.#repair = repair;
    this.#own = new RwSlot(area.participant);
    this.#abandonedAt = area.participant.base + ABANDONED_AT;
  }

  /** Makes a named lock. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. */
  static create(name: string, options: RwLockOptions = {}): RwLock {
    return new RwLock(openNamed('create', name, contentOf(options), options), name, options);
  }

  /** Opens a named lock. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static open(name: string, options: RwLockOptions = {}): RwLock {
    return new RwLock(openNamed('open', name, contentOf(options), options), name, options);
  }

  /** Opens a named lock, or makes it. */
  static openOrCreate(name: string, options: RwLockOptions = {}): RwLock {
    return new RwLock(openNamed('openOrCreate', name, contentOf(options), options), name, options);
  }

  /** The lock at `offset` of a region's payload; see `Mutex.in`. */
  static in(region: Region, offset: number, options: RwLockOptions = {}): RwLock {
    return new RwLock(openEmbedded(region, offset, contentOf(options), options), undefined, options);
  }

  /** Bytes an embedded lock takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, 'rwlock');
  }

  /**
   * Gives the lock up for good, because what it protects cannot be repaired: everybody gets ERR_IPC_CORRUPT from now on.
   *
   * @throws {TypeError} `held` is not a possession of this object, or has ended.
   */
  markUnrecoverable(held: ExclusiveHeld): void {
    this.checkOpen();
    if (!held.isOf(this)) throw new TypeError('only its writer can give a lock up');
    held.forget();
    this.inside(() => {
      this.ring();
      Atomics.store(this.words, this.participant.base + ABANDONED_AT, GIVEN_UP);
      this.#own.held = 0;
    });
    this.lookHere();
  }

  /** @internal */
  giveBack(held: Held): void {
    if (!this.isOpen) return; // closing has dealt with it
    this.guard.enter();
    try {
      this.ring();
      if (held instanceof ExclusiveHeld) {
        this.#setAbandoned(false);
        this.#own.held = 0;
      } else this.#own.held -= 1;
    } finally {
      this.guard.leave();
    }
    this.lookHere();
  }

  /** @internal */
  downgrade(held: ExclusiveHeld): SharedHeld {
    this.checkOpen();
    held.forget();
    this.inside(() => {
      this.ring();
      this.#setAbandoned(false);
      this.#own.held = 1;
    });
    this.lookHere();
    return new SharedHeld(this, false);
  }

  /** @internal */
  tryUpgrade(held: SharedHeld): ExclusiveHeld | undefined {
    this.checkOpen();
    const upgraded = this.inside(
      () => this.#becomeWriter() || (this.participant.buryTheDead() && this.#becomeWriter()),
    );
    if (!upgraded) return undefined;
    held.forget();
    return new ExclusiveHeld(this, held.abandoned);
  }

  /** @internal */
  protected override ask(mode: Mode): void {
    if (mode === 'exclusive') this.#own.wants = WANTS_TO_WRITE;
  }

  /** @internal A writer that gave up has kept readers waiting. */
  protected override takeBack(mode: Mode): void {
    if (mode === 'shared') return;
    this.inside(() => {
      this.ring();
      this.#own.wants = 0;
    });
  }

  protected override goesFirst(mode: Mode): boolean {
    return this.#isGivenUp() || (mode === 'shared' && this.#own.held > 0);
  }

  protected override holders(): readonly number[] {
    return this.slots((slot) => this.#heldIn(slot) !== 0 || this.#wantsToWrite(slot));
  }

  /** @internal */
  override attempt(...asked: Parameters<CompoundLock<Mode, Held>['attempt']>): Held | undefined {
    return this.#repaired(super.attempt(...asked));
  }

  protected override tryTake(mode: Mode): Held | undefined {
    return this.#repaired(super.tryTake(mode));
  }

  protected override quickTake(mode: Mode): Held | undefined {
    return this.#repaired(super.quickTake(mode));
  }

  protected override take(mode: Mode): Held | undefined {
    const inside = this.#inside();
    const isAbandoned = this.#isAbandoned(); // after the slots: who clears a dead writer's has said so before
    if (mode === 'exclusive') {
      if (inside !== 0) return undefined;
      this.#own.wants = 0;
      this.#own.held = WRITING;
      return new ExclusiveHeld(this, isAbandoned);
    }
    if (inside === WRITING) return undefined;
    if (this.#own.held === 0 && !this.isFair && this.#otherWriterWaits()) return undefined;
    if (isAbandoned && this.#repair !== undefined) {
      if (inside !== 0) return undefined;
      this.#own.held = WRITING; // until it has repaired
    } else this.#own.held += 1;
    return new SharedHeld(this, isAbandoned);
  }

  protected override handBack(): void {
    if (this.#own.held !== 0 || this.#own.wants !== 0) this.ring();
    if (this.#own.held === WRITING) this.#setAbandoned(true);
    this.#own.held = 0;
    this.#own.wants = 0;
  }

  protected override isPristine(): boolean {
    if (Atomics.load(this.words, this.#abandonedAt) !== 0) return false;
    return this.#inside() !== WRITING; // one that died, and nobody has noticed yet
  }

  /** Outside: the taker of an abandoned lock, who is alone inside, repairs what there is before it gets the lock. */
  #repaired(held: Held | undefined): Held | undefined {
    if (held?.abandoned !== true || this.#repair === undefined) return held;
    try {
      this.#repair();
      this.checkOpen();
    } catch (error) {
      held.forget();
      if (this.isOpen) this.#goOnWith(0);
      throw error;
    }
    if (held instanceof SharedHeld) this.#goOnWith(1);
    return held;
  }

  /** What a writer by necessity holds afterwards: nothing, or one reading of what it has repaired. */
  #goOnWith(readings: 0 | 1): void {
    this.inside(() => {
      this.ring();
      if (readings === 1) this.#setAbandoned(false);
      this.#own.held = readings;
    });
  }

  /** Inside: the only reader, that reads once, goes on as a writer. */
  #becomeWriter(): boolean {
    const { slot: own } = this.participant;
    if (this.#own.held !== 1 || this.someSlot((slot) => slot !== own && this.#heldIn(slot) !== 0))
      return false;
    this.#own.held = WRITING;
    return true;
  }

  /** Who has the lock, of the living and of the dead: WRITING, 1 for readers, 0 for nobody. No closure: each acquisition looks. */
  #inside(): number {
    let inside = 0;
    const { slotsStart, slotsEnd } = this.participant;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) {
      const held = this.#heldIn(slot);
      if (held === WRITING) return WRITING;
      if (held !== 0) inside = 1;
    }
    return inside;
  }

  #heldIn(slot: number): number {
    return Atomics.load(this.words, slot + SLOT_HELD);
  }

  #wantsToWrite(slot: number): boolean {
    return Atomics.load(this.words, slot + SLOT_WANTS) === WANTS_TO_WRITE;
  }

  /** Not of this object: its callers are in a queue of their own. */
  #otherWriterWaits(): boolean {
    const { slot: own, slotsStart, slotsEnd } = this.participant;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS)
      if (slot !== own && this.#wantsToWrite(slot)) return true;
    return false;
  }

  #side<Possession extends Held>(mode: Mode): Side<Possession> {
    const acquire = (options?: WaitOptions): Promise<Possession> =>
      this.takeOrWait(mode, options?.signal) as Promise<Possession>;
    return {
      tryAcquire: () => this.tryTake(mode) as Possession | undefined,
      acquire,
      acquireSync: (options?: BlockOptions) => {
        const timeoutMs = checkTimeout(options?.timeoutMs);
        return (this.quickTake(mode) ?? this.takeSync(mode, timeoutMs)) as Possession;
      },
      async withLock<Result>(
        work: (held: Possession) => Result | Promise<Result>,
        options?: WaitOptions,
      ): Promise<Awaited<Result>> {
        const held = await acquire(options);
        return withHeld(held, () => work(held));
      },
    };
  }

  #isGivenUp(): boolean {
    return Atomics.load(this.words, this.#abandonedAt) === GIVEN_UP;
  }

  /** @throws {IpcError} ERR_IPC_CORRUPT when the lock was given up. */
  #isAbandoned(): boolean {
    const state = Atomics.load(this.words, this.#abandonedAt);
    if (state === GIVEN_UP) throw unrecoverableError();
    return state !== 0;
  }

  #setAbandoned(value: boolean): void {
    const state = value ? 1 : 0;
    if (this.words[this.#abandonedAt] !== state) Atomics.store(this.words, this.#abandonedAt, state);
  }
}
