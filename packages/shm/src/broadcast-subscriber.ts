import {
  closedError,
  isIpcError,
  ReceiveHalf,
  type End,
  type IpcError,
  type ReceiveEvents,
  type ReceivePort,
} from '@ipc/core';
import { broadcastKind, overflows } from './broadcast-publisher.ts';
import { LentCopy } from './lent-copy.ts';
import { ownedCopy } from './owned-copy.ts';
import { Participant } from './participant.ts';
import { POSITION, READER } from './participants-layout.ts';
import { maxAttempts, phaseOf, SlotMemory } from './slot-memory.ts';
import { SlotSleep } from './slot-sleep.ts';
import { DONE, FULL, JOINED, SLEEPING_READERS, SLOT_HEADER_BYTES, TAIL } from './slots-layout.ts';
import { Spin } from './spin.ts';

export interface SubscribeOptions {
  /** How many of the last messages to start with: as many of them as are still there. @default 0 */
  readonly history?: number | undefined;
  /** Longest spin before sleeping, in microseconds. @default 50 */
  readonly spinUs?: number | undefined;
}

/**
 * A subscribing end of a broadcast: gets every message published from now on, and the last ones before if it wants.
 *
 * It has no end: publishers come and go. Thread: the one that opened it.
 */
export class Subscriber extends ReceiveHalf {
  readonly #port: SubscribePort;

  private constructor(port: SubscribePort) {
    super(port);
    this.#port = port;
  }

  /**
   * Subscribes.
   *
   * @throws {RangeError} `history` is not in 0..slots. @throws {IpcError} ERR_IPC_NOT_FOUND when nobody has created it;
   *   ERR_IPC_LIMIT when it has its number of participants; else as `Region.open`.
   */
  static open(name: string, { history = 0, spinUs = 50 }: SubscribeOptions = {}): Subscriber {
    const memory = SlotMemory.open(name, broadcastKind);
    try {
      if (!Number.isInteger(history) || history < 0 || history > memory.slots) {
        throw new RangeError(`history must be an integer in 0..${memory.slots}, got ${history}`);
      }
      const start = (Atomics.load(memory.words, TAIL) - history) | 0;
      return new Subscriber(
        new SubscribePort(memory, Participant.join(memory, READER, start), start, spinUs),
      );
    } catch (error) {
      memory.region.close();
      throw error;
    }
  }

  /** How many messages publishers have lapped: they came after this end was opened, and it will not get them. Always 0 where they wait. */
  get lapped(): number {
    return this.#port.lapped;
  }

  /**
   * Takes the next message, blocking this thread until there is one.
   *
   * @param timeoutMs - -1 waits for ever. @returns `undefined` when the time is over.
   * @throws {IpcError} As `receive`. Source: poll(2).
   */
  receiveSync({ timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {}): Uint8Array | undefined {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const message = this.tryReceive();
      if (message !== undefined) return message;
      if (this.#port.end?.error !== undefined) throw this.#port.end.error;
      const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - performance.now());
      if (!this.#port.block(left)) return undefined;
    }
  }
}

/** Steps over a message that somebody is writing before asking whether that one is dead: it costs a system call. */
const looksPerProof = 64;

class SubscribePort implements ReceivePort {
  end: End | undefined;
  lapped = 0;
  readonly #memory: SlotMemory;
  readonly #participant: Participant;
  readonly #waits: boolean;
  readonly #sleep: SlotSleep;
  readonly #spin: Spin;
  readonly #quantum: number;
  /** Messages before this one were there before us. */
  readonly #first: number;
  #lent: LentCopy | undefined;
  #position: number;
  #released: number;
  #blocked = 0;
  #events: ReceiveEvents | undefined;
  #awaited = false;
  #isReleased = false;

  constructor(memory: SlotMemory, participant: Participant, start: number, spinUs: number) {
    this.#memory = memory;
    this.#participant = participant;
    this.#waits = memory.mode === overflows.wait;
    this.#quantum = Math.max(1, memory.slots >>> 3);
    this.#position = this.#released = start;
    this.#lent = new LentCopy(memory);
    this.#spin = new Spin(spinUs);
    this.#sleep = new SlotSleep(memory.words, SLEEPING_READERS, participant, () => this.#hasMessage());
    // In this order: whoever claims a slot over a message from `#first` on has seen our position.
    Atomics.add(memory.words, JOINED, 1);
    this.#first = Atomics.load(memory.words, TAIL);
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
  }

  pull(): Uint8Array | undefined {
    return this.#take(ownedCopy);
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    const lent = this.#lent;
    this.#lent = undefined; // a handler that drains must not overwrite what it was lent
    const copy: Copy = (source, offset, length) =>
      lent?.lend(offset, length) ?? ownedCopy(source, offset, length);
    let count = 0;
    try {
      for (; count < limit; count++) {
        const message = this.#take(copy);
        if (message === undefined) break;
        handler(message);
      }
    } finally {
      this.#lent = lent;
    }
    return count;
  }

  awaitMessage(on: boolean): void {
    if (this.#isReleased || on === this.#awaited) return;
    this.#awaited = on;
    if (!on) this.#sleep.stop();
    // Not at once: what the caller does next, such as publishing, comes first.
    else queueMicrotask(() => {
      this.#fallAsleep();
    }); // prettier-ignore
  }

  block(timeoutMs: number): boolean {
    if (this.#isReleased) throw closedError('subscriber');
    return this.#spin.until(() => this.#hasMessage()) || this.#sleep.block(timeoutMs);
  }

  release(): void {
    if (this.#isReleased) return;
    this.awaitMessage(false);
    this.#isReleased = true;
    this.#participant.leave();
    this.#memory.region.close();
  }

  #fallAsleep(): void {
    if (!this.#awaited || this.#isReleased) return;
    if (this.#spin.until(() => this.#hasMessage())) {
      setImmediate(() => {
        this.#report();
      });
    } else {
      this.#sleep.start(() => {
        this.#report();
      });
    }
  }

  #report(): void {
    if (!this.#awaited || this.#isReleased) return;
    this.#awaited = false;
    this.#events?.ready();
  }

  #hasMessage(): boolean {
    const { words } = this.#memory;
    const state = Atomics.load(words, this.#memory.slotOf(this.#position));
    const lead = this.#memory.lead(state, this.#position);
    if (lead === -1) return false;
    if (lead !== 0 || phaseOf(state) === FULL || phaseOf(state) === DONE) return true;
    return this.#memory.unblock(this.#position, this.#participant);
  }

  /** The next message, copied by `copy`: it is nobody else's once it has been checked to be whole. */
  #take(copy: Copy): Uint8Array | undefined {
    if (this.end !== undefined || this.#isReleased) return undefined;
    const memory = this.#memory;
    const { words } = memory;
    try {
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const slot = memory.slotOf(this.#position);
        const state = Atomics.load(words, slot);
        const lead = memory.lead(state, this.#position);
        if (lead === 0 && phaseOf(state) === FULL) {
          const length = words[slot + 1] as number;
          const fits = length >= 0 && length <= memory.maxMessageBytes;
          const message = fits ? copy(memory, slot * 4 + SLOT_HEADER_BYTES, length) : undefined;
          if (Atomics.load(words, slot) !== state) continue; // lapped while copying
          if (message === undefined) break;
          this.#advance();
          return message;
        }
        if (lead === 0 && phaseOf(state) === DONE) {
          this.#advance();
        } else if (lead === 0 || lead === -1) {
          this.#release();
          const asks = lead === 0 && (++this.#blocked & (looksPerProof - 1)) === 0;
          if (!asks || !memory.unblock(this.#position, this.#participant)) return undefined;
        } else {
          this.#catchUp();
        }
      }
      throw memory.damaged();
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_CORRUPT')) throw error;
      this.#damage(error);
      return undefined;
    }
  }

  #advance(): void {
    this.#position = (this.#position + 1) | 0;
    if (((this.#position - this.#released) | 0) >= this.#quantum) this.#release();
  }

  /** Lets publishers have the slots of what was read. */
  #release(): void {
    const from = this.#released;
    if (from === this.#position) return;
    this.#released = this.#position;
    if (!this.#waits) return;
    Atomics.store(this.#memory.words, this.#participant.line + POSITION, this.#position);
    this.#memory.wakeWriters(from, this.#position, this.#participant);
  }

  /** Publishers have come round: goes on with the oldest message that is likely to stay for long enough. */
  #catchUp(): void {
    const { words, slots } = this.#memory;
    const behind = (Atomics.load(words, TAIL) - this.#position) | 0;
    if (behind < 0) throw this.#memory.damaged();
    const history = Math.max(0, (this.#first - this.#position) | 0);
    let skipped = Math.max(1, behind - slots + (slots >>> 2));
    if (this.#waits) {
      if (history === 0) throw this.#memory.damaged(); // they must have waited
      skipped = Math.min(skipped, history);
    }
    this.lapped += Math.max(0, skipped - history);
    this.#position = (this.#position + skipped) | 0;
  }

  #damage(error: IpcError): void {
    this.end = { error };
  }
}

type Copy = (source: SlotMemory, offset: number, length: number) => Uint8Array;
