import type { WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { CompoundLock } from './compound-lock.ts';
import { areaBytes, DEFAULT_PARTICIPANTS, FLAG_AUTO_RESET, STATE } from './lock-layout.ts';
import {
  openEmbedded,
  openNamed,
  type AreaContent,
  type LockOptions,
  type OpenArea,
  type Verb,
} from './open-area.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';

/** @see Event */
export interface EventOptions extends LockOptions {
  /** `manual`: stays set until `reset`, and lets everybody through; `auto`: lets one through, and is reset by it. @default 'manual' */
  readonly reset?: 'manual' | 'auto' | undefined;
}

/**
 * A flag that processes wait for.
 *
 * It belongs to nobody: the death of whoever set it, or waits for it, changes nothing. (An `auto` event that lets
 * somebody through who dies at once has been used up.) The name goes with the last one to close, unless the flag is set.
 * @throws {IpcError} ERR_IPC_CLOSED from every call after `close`.
 */
export class Event extends CompoundLock<true, true> {
  readonly #auto: boolean;

  private constructor(area: OpenArea, name: string | undefined) {
    super(area, 'event', name);
    this.#auto = area.flags === FLAG_AUTO_RESET;
  }

  /** Makes a named event. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. */
  static create(name: string, options: EventOptions = {}): Event {
    return Event.#named('create', name, options);
  }

  /** Opens a named event, as it was made. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static open(name: string, options: LockOptions = {}): Event {
    return Event.#named('open', name, options);
  }

  /** Opens a named event, or makes it. */
  static openOrCreate(name: string, options: EventOptions = {}): Event {
    return Event.#named('openOrCreate', name, options);
  }

  /** The event at `offset` of a region's payload; see `Mutex.in`. */
  static in(region: Region, offset: number, options: EventOptions = {}): Event {
    return new Event(openEmbedded(region, offset, contentOf(options), options), undefined);
  }

  /** Bytes an embedded event takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, 'event');
  }

  /** Lets those through who wait: all (`manual`), or the quickest one (`auto`). Setting it twice is setting it once. */
  set(): void {
    this.checkOpen();
    this.inside(() => {
      this.ring();
      this.#flag = true;
    });
    this.lookHere();
  }

  /** From now on one has to wait again. */
  reset(): void {
    this.checkOpen();
    this.inside(() => {
      this.#flag = false;
    });
  }

  get isSet(): boolean {
    this.checkOpen();
    return this.#flag;
  }

  /** Goes through if the event is set. */
  tryWait(): boolean {
    return this.tryTake(true) === true;
  }

  /** Waits on the event loop. Rejects with `signal.reason`. */
  async wait(options?: WaitOptions): Promise<void> {
    await this.takeOrWait(true, options?.signal);
  }

  /** Waits, blocking the thread; false when `timeoutMs` has passed. */
  waitSync(options?: BlockOptions): boolean {
    const timeoutMs = checkTimeout(options?.timeoutMs);
    return this.tryWait() || this.takeSync(true, timeoutMs) === true;
  }

  protected override holders(): readonly number[] {
    return [];
  }

  protected override take(): true | undefined {
    if (!this.#flag) return undefined;
    if (this.#auto) this.#flag = false;
    return true;
  }

  protected override handBack(): void {
    // nothing is ever held
  }

  protected override isPristine(): boolean {
    return !this.#flag;
  }

  static #named(verb: Verb, name: string, options: EventOptions): Event {
    return new Event(openNamed(verb, name, contentOf(options), options), name);
  }

  get #flag(): boolean {
    return Atomics.load(this.words, this.participant.base + STATE) !== 0;
  }

  set #flag(value: boolean) {
    Atomics.store(this.words, this.participant.base + STATE, value ? 1 : 0);
  }
}

function contentOf({ reset = 'manual' }: EventOptions): AreaContent {
  return { kind: 'event', flags: reset === 'auto' ? FLAG_AUTO_RESET : 0, limit: 0 };
}
