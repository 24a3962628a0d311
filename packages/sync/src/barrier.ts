import { IpcError, peerGoneError, type WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { CompoundLock } from './compound-lock.ts';
import {
  areaBytes,
  CONTROL_LIMIT,
  DEFAULT_PARTICIPANTS,
  SLOT_HELD,
  SLOT_LIFE,
  SLOT_MASK,
  SLOT_WANTS,
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
import { checkTimeout, type BlockOptions } from './timeout.ts';

/** @see Barrier */
export interface BarrierOptions extends LockOptions {
  /** How many have to arrive: 1..1,000,000. Everybody who makes or opens it must agree. */
  readonly parties: number;
}

const MAX_PARTIES = 1_000_000;

/** State: the phase, which goes up when all have arrived. SLOT_HELD counts arrivals in the phase that SLOT_WANTS names. */
const PHASE = STATE;
/** State: 1 when a party died, until `reset`. */
const BROKEN = STATE + 1;

/** An arrival: the phase it waits to see the end of. */
interface Arrival {
  readonly phase: number;
}

/**
 * A meeting point: everybody waits until all parties have arrived; then it starts anew.
 *
 * A process that dies while it has the barrier open breaks it: everybody who waits, or comes, gets ERR_IPC_PEER_GONE, until
 * somebody calls `reset`. One that closes it is no party any more, but breaks nothing. An abort or time-out takes the arrival back.
 * @throws {IpcError} ERR_IPC_CLOSED from every call after `close`.
 */
export class Barrier extends CompoundLock<Arrival, true> {
  readonly #parties: number;

  private constructor(area: OpenArea, name: string | undefined) {
    super(area, 'barrier', name);
    this.#parties = Atomics.load(this.words, area.participant.base + CONTROL_LIMIT);
  }

  /** Makes a named barrier. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. @throws {RangeError} `parties`. */
  static create(name: string, options: BarrierOptions): Barrier {
    return Barrier.#named('create', name, options);
  }

  /** Opens a named barrier, as it is. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static open(name: string, options: LockOptions = {}): Barrier {
    return Barrier.#named('open', name, { ...options, parties: 1 });
  }

  /** Opens a named barrier, or makes it. ERR_IPC_MISMATCH when it was made for another number of parties. */
  static openOrCreate(name: string, options: BarrierOptions): Barrier {
    return Barrier.#named('openOrCreate', name, options);
  }

  /** The barrier at `offset` of a region's payload; see `Mutex.in`. */
  static in(region: Region, offset: number, options: BarrierOptions): Barrier {
    return new Barrier(openEmbedded(region, offset, contentOf(options), options), undefined);
  }

  /** Bytes an embedded barrier takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, 'barrier');
  }

  /**
   * Arrives, and waits on the event loop for the others.
   *
   * @throws {IpcError} ERR_IPC_PEER_GONE when the barrier is broken. `signal.reason`.
   */
  async wait(options?: WaitOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    const arrival = this.#arrive();
    await this.takeLater(arrival, options?.signal);
  }

  /** Arrives, and waits blocking the thread; false when `timeoutMs` has passed. Throws as `wait`. */
  waitSync(options?: BlockOptions): boolean {
    const timeoutMs = checkTimeout(options?.timeoutMs);
    return this.takeSync(this.#arrive(), timeoutMs) === true;
  }

  /** How many have arrived and wait for the others. */
  get arrived(): number {
    this.checkOpen();
    return this.#arrived;
  }

  /** A party died. */
  get isBroken(): boolean {
    this.checkOpen();
    return this.#broken;
  }

  /** Mends a broken barrier. Those who had arrived have gone with the error. */
  reset(): void {
    this.checkOpen();
    this.inside(() => {
      this.ring();
      this.#startPhase();
      Atomics.store(this.words, this.participant.base + BROKEN, 0);
    });
    this.lookHere();
  }

  /** @internal Unless all have arrived meanwhile. */
  protected override takeBack({ phase }: Arrival): void {
    this.inside(() => {
      const { slot } = this.participant;
      if (phase === this.#phase) Atomics.sub(this.words, slot + SLOT_HELD, 1);
    });
  }

  protected override holders(): readonly number[] {
    return this.slots((slot) => (Atomics.load(this.words, slot + SLOT_LIFE) & SLOT_MASK) !== 0);
  }

  protected override take({ phase }: Arrival): true | undefined {
    if (phase !== this.#phase) return true;
    // Whoever finds nothing to take buries the dead, and looks again.
    if (this.#broken) throw peerGoneError('the barrier is broken: a party died');
    return undefined;
  }

  protected override handBack(): void {
    Atomics.store(this.words, this.participant.slot + SLOT_HELD, 0);
  }

  protected override isPristine(): boolean {
    return !this.#broken;
  }

  static #named(verb: Verb, name: string, options: BarrierOptions): Barrier {
    return new Barrier(openNamed(verb, name, contentOf(options), options), name);
  }

  #arrive(): Arrival {
    this.checkOpen();
    const arrival = this.inside(() => {
      this.participant.buryTheDead();
      if (this.#broken) throw peerGoneError('the barrier is broken: a party died');
      const { slot } = this.participant;
      const phase = this.#phase;
      if (Atomics.load(this.words, slot + SLOT_WANTS) !== phase) {
        Atomics.store(this.words, slot + SLOT_HELD, 0);
        Atomics.store(this.words, slot + SLOT_WANTS, phase);
      }
      if (this.#arrived + 1 > this.#parties)
        throw new IpcError('ERR_IPC_CORRUPT', 'more parties have arrived than the barrier has');
      Atomics.add(this.words, slot + SLOT_HELD, 1);
      if (this.#arrived === this.#parties) {
        this.ring();
        this.#startPhase();
      }
      return { phase };
    });
    this.lookHere();
    return arrival;
  }

  /** One store ends the phase: arrivals name theirs, so those of the old one no longer count. */
  #startPhase(): void {
    Atomics.store(this.words, this.participant.base + PHASE, (this.#phase + 1) & 0x7fffffff || 1);
  }

  get #phase(): number {
    return Atomics.load(this.words, this.participant.base + PHASE);
  }

  get #broken(): boolean {
    return Atomics.load(this.words, this.participant.base + BROKEN) !== 0;
  }

  get #arrived(): number {
    const phase = this.#phase;
    let arrived = 0;
    for (const slot of this.slots((each) => Atomics.load(this.words, each + SLOT_WANTS) === phase)) {
      arrived += Atomics.load(this.words, slot + SLOT_HELD);
    }
    return arrived;
  }
}

function contentOf({ parties }: BarrierOptions): AreaContent {
  if (!Number.isInteger(parties) || parties < 1 || parties > MAX_PARTIES) {
    throw new RangeError(`parties must be an integer from 1 to ${MAX_PARTIES}, got ${parties}`);
  }
  return {
    kind: 'barrier',
    flags: 0,
    limit: parties,
    state: [1, 0],
    onDeath(words, base) {
      Atomics.store(words, base + BROKEN, 1);
    },
  };
}
