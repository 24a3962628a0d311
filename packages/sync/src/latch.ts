import type { WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { CompoundLock } from './compound-lock.ts';
import { areaBytes, CONTROL_LIMIT, DEFAULT_PARTICIPANTS, STATE } from './lock-layout.ts';
import {
  openEmbedded,
  openNamed,
  type AreaContent,
  type LockOptions,
  type OpenArea,
  type Verb,
} from './open-area.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';

/** @see Latch */
export interface LatchOptions extends LockOptions {
  /** How often it has to be counted down: 1..1,000,000,000. Everybody who makes or opens it must agree. */
  readonly count: number;
}

const MAX_COUNT = 1_000_000_000;

/**
 * A gate that opens for good once it has been counted down to 0 by any number of processes.
 *
 * A count belongs to nobody: what a process has counted stays counted when it dies, and what it did not count will be
 * missing (use a `Barrier` where a death must be told). The name goes with the last one to close, unless some have counted.
 * @throws {IpcError} ERR_IPC_CLOSED from every call after `close`.
 */
export class Latch extends CompoundLock<true, true> {
  private constructor(area: OpenArea, name: string | undefined) {
    super(area, 'latch', name);
  }

  /** Makes a named latch. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. @throws {RangeError} `count`. */
  static create(name: string, options: LatchOptions): Latch {
    return Latch.#named('create', name, options);
  }

  /** Opens a named latch, as it is. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static open(name: string, options: LockOptions = {}): Latch {
    return Latch.#named('open', name, { ...options, count: 1 });
  }

  /** Opens a named latch, or makes it. ERR_IPC_MISMATCH when it was made for another count. */
  static openOrCreate(name: string, options: LatchOptions): Latch {
    return Latch.#named('openOrCreate', name, options);
  }

  /** The latch at `offset` of a region's payload; see `Mutex.in`. */
  static in(region: Region, offset: number, options: LatchOptions): Latch {
    return new Latch(openEmbedded(region, offset, contentOf(options), options), undefined);
  }

  /** Bytes an embedded latch takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, 'latch');
  }

  /** Counts down, not below 0. @returns What is left. @throws {RangeError} `by` is not 1..1,000,000,000. */
  countDown(by = 1): number {
    this.checkOpen();
    if (!Number.isInteger(by) || by < 1 || by > MAX_COUNT)
      throw new RangeError(`by must be an integer from 1, got ${by}`);
    const left = this.inside(() => {
      const rest = Math.max(0, this.#left - by);
      if (rest === 0) this.ring();
      this.#left = rest;
      return rest;
    });
    if (left === 0) this.lookHere();
    return left;
  }

  /** What is left to count. */
  get left(): number {
    this.checkOpen();
    return this.#left;
  }

  /** Waits on the event loop until nothing is left. Rejects with `signal.reason`. */
  async wait(options?: WaitOptions): Promise<void> {
    await this.takeOrWait(true, options?.signal);
  }

  /** Waits, blocking the thread; false when `timeoutMs` has passed. */
  waitSync(options?: BlockOptions): boolean {
    const timeoutMs = checkTimeout(options?.timeoutMs);
    return this.tryTake(true) === true || this.takeSync(true, timeoutMs) === true;
  }

  protected override holders(): readonly number[] {
    return [];
  }

  protected override take(): true | undefined {
    return this.#left === 0 ? true : undefined;
  }

  protected override handBack(): void {
    // nothing is ever held
  }

  protected override isPristine(): boolean {
    return this.#left === Atomics.load(this.words, this.participant.base + CONTROL_LIMIT);
  }

  static #named(verb: Verb, name: string, options: LatchOptions): Latch {
    return new Latch(openNamed(verb, name, contentOf(options), options), name);
  }

  get #left(): number {
    return Atomics.load(this.words, this.participant.base + STATE);
  }

  set #left(value: number) {
    Atomics.store(this.words, this.participant.base + STATE, value);
  }
}

function contentOf({ count }: LatchOptions): AreaContent {
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT) {
    throw new RangeError(`count must be an integer from 1 to ${MAX_COUNT}, got ${count}`);
  }
  return { kind: 'latch', flags: 0, limit: count, state: [count] };
}
