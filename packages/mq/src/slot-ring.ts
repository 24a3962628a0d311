import { IpcError } from '@ipc/core';
import { ownedCopy } from '@ipc/shm';
import { RING_HEAD, RING_TAIL } from './shared-layout.ts';
import {
  CLAIM_WORDS,
  CLOSED,
  FREE_SLOT,
  KIND_MASK,
  LAP_SHIFT,
  PUBLISHED,
  SKIPPED,
  SLOT_LENGTH,
  SLOT_STATE,
  SLOT_WORDS,
  TAKER_MASK,
  TAKING,
  WRITING,
} from './slot-ring-layout.ts';

/** What became of a push. */
export const SENT = 0;
export const FULL = 1;
/** Full only because one is just taking its message out, or died or was stopped doing so. */
export const BUSY = 2;
/** Its place is in the list behind the ring. */
export const ELSEWHERE = 3;
export type PushOutcome = typeof SENT | typeof FULL | typeof BUSY | typeof ELSEWHERE;

/** Looks at a message that is being written before it is skipped. */
const looksAtWriter = 200;
/** Slots whose states share a cache line. */
const lookAhead = 8;
/** The words that say where the ring's ends are lag behind by so many messages at most: writing them costs more than looking. */
const hintEvery = 8;

/** Where the ring lies in a mapping. */
export interface SlotRingPlace {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Offset in `bytes` of the first slot's payload. */
  readonly payloads: number;
  /** Index of the first slot's state. */
  readonly states: number;
  readonly slotBytes: number;
  /** A power of two; 0: there is no ring. */
  readonly slots: number;
  /** Index of the claim word of participant 0. */
  readonly claims: number;
}

/**
 * A bounded queue of small messages, many senders and many receivers, in the order of sending, without a lock.
 *
 * A slot's state word has its position's lap, so one compareExchange on the slot claims it and one publishes it; the words for head and
 * tail are hints. Nobody waits for anybody: a message that is not published soon is skipped, and its sender, when
 * it goes on, sends again. See slot-ring-layout.ts for what a death leaves behind.
 *
 * Cost: two compareExchanges a message for the sender, one and a store for the receiver.
 * Source: D. Vyukov, bounded MPMC queue; skipping after LCRQ (Morrison and Afek 2013).
 */
export class SlotRing {
  /** Bytes of the longest message that fits into a slot; -1 when there is no ring. */
  readonly maxMessageBytes: number;
  readonly #place: SlotRingPlace;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #states: number;
  readonly #payloads: number;
  readonly #slotBytes: number;
  readonly #mask: number;
  readonly #lapBits: number;
  readonly #mostSteps: number;
  readonly #claims: number;
  #me = 0;
  #claim = 0;
  #head: number;
  #tail: number;
  /** Everything before this position was seen published, or is taken. */
  #seen: number;
  /** The slot found by `look`, taken by `take`, and its state. */
  #at = 0;
  #state = 0;

  constructor(place: SlotRingPlace) {
    const { words, bytes, payloads, states, slotBytes, slots, claims } = place;
    this.#place = place;
    this.#words = words;
    this.#bytes = bytes;
    this.#states = states;
    this.#payloads = payloads;
    this.#slotBytes = slotBytes;
    this.#mask = slots - 1;
    this.#lapBits = 31 - Math.clz32(slots);
    this.#mostSteps = 4 * slots + (1 << 16);
    this.#claims = claims;
    this.maxMessageBytes = slots === 0 ? -1 : slotBytes;
    this.#head = this.#seen = Atomics.load(words, RING_HEAD);
    this.#tail = Atomics.load(words, RING_TAIL);
  }

  /** Called once, before anything that claims. @param participant - The own place in the table. */
  join(participant: number): void {
    this.#me = participant + 1;
    this.#claim = this.#claims + participant * CLAIM_WORDS;
  }

  /** Puts a message in, at most `maxMessageBytes` long. @param ring - Called before the message can be seen. */
  push(message: Uint8Array, ring: () => void): PushOutcome {
    if (this.maxMessageBytes < 0) return ELSEWHERE;
    const words = this.#words;
    for (;;) {
      const outcome = this.#claimTail();
      if (outcome !== SENT) return outcome;
      const at = this.#at;
      const { length } = message;
      words[at + SLOT_LENGTH] = length;
      this.#bytes.set(message, this.#payloadAt);
      const free = this.#state;
      const writing = free | WRITING | this.#me;
      try {
        ring();
      } catch (error) {
        this.release();
        throw error;
      }
      const published =
        Atomics.compareExchange(words, at + SLOT_STATE, writing, free | PUBLISHED) === writing;
      if (published) {
        words[this.#claim] = 0;
        return SENT;
      }
      this.#at = at;
      this.#state = free;
      this.release(); // it was skipped
    }
  }

  /** Whether a push would find a free slot. */
  get room(): PushOutcome {
    return this.maxMessageBytes < 0 ? ELSEWHERE : this.#seekTail();
  }

  /** Goes to the oldest message; false when there is none. What it goes to may have been taken: `take` tells. */
  look(): boolean {
    if (this.#head === this.#seen) return this.find();
    this.#at = this.#slotAt(this.#head);
    this.#state = this.#lapOf(this.#head) | PUBLISHED;
    return true;
  }

  /** As `look`, and it is there. One that is being written for long is skipped. @param looks - How long. */
  find(looks: number = looksAtWriter): boolean {
    if (this.maxMessageBytes < 0) return false;
    const words = this.#words;
    let left = looks;
    for (let steps = 0; steps < this.#mostSteps; steps++) {
      const at = this.#slotAt(this.#head);
      const state = Atomics.load(words, at + SLOT_STATE);
      const lap = this.#lapOf(this.#head);
      const difference = (state - lap) >> LAP_SHIFT;
      if (difference === 0) {
        const kind = state & KIND_MASK;
        if (kind === PUBLISHED) {
          this.#at = at;
          this.#state = state;
          this.#lookAhead();
          return true;
        }
        if (kind === FREE_SLOT || kind === CLOSED) return false;
        if (kind === WRITING) {
          if (left-- > 0) continue;
          left = looks;
          const skipped = (state & ~KIND_MASK) | SKIPPED;
          if (Atomics.compareExchange(words, at + SLOT_STATE, state, skipped) !== state) continue;
        }
      } else if (difference === -1) return false; // one of the lap before is still there
      this.#head = this.#seen = this.#passed(this.#head, RING_HEAD);
    }
    throw corrupt('its ring has no end');
  }

  /** An atomic load costs as much as all the plain ones of a cache line: behind one that was published there may be more. */
  #lookAhead(): void {
    const words = this.#words;
    let next = (this.#head + 1) | 0;
    while (
      (next & (lookAhead - 1)) !== 0 &&
      words[this.#slotAt(next) + SLOT_STATE] === (this.#lapOf(next) | PUBLISHED)
    )
      next = (next + 1) | 0;
    this.#seen = next;
  }

  /** Takes the message that `look` or `find` has found, for `copy`, and then `release`; false when somebody else was faster. */
  take(): boolean {
    const words = this.#words;
    const state = this.#state;
    const lap = state & ~(KIND_MASK | TAKER_MASK);
    words[this.#claim] = this.#slotNumber + 1;
    if (Atomics.compareExchange(words, this.#at + SLOT_STATE, state, lap | TAKING | this.#me) !== state) {
      this.#seen = this.#head;
      return false;
    }
    const next = this.#passed(this.#head, RING_HEAD);
    if (next !== ((this.#head + 1) | 0)) this.#seen = next; // others are ahead
    this.#head = next;
    return true;
  }

  /** The message taken, in memory of its own. @throws {IpcError} ERR_IPC_CORRUPT. */
  copy(): Uint8Array {
    const length = this.#words[this.#at + SLOT_LENGTH] ?? -1;
    if (length < 0 || length > this.maxMessageBytes) {
      this.release();
      throw corrupt(`a message of ${length} bytes in a slot of ${this.maxMessageBytes}`);
    }
    return ownedCopy(this.#place, this.#payloadAt, length);
  }

  /** Frees the slot that was taken. */
  release(): void {
    const lap = this.#state & ~(KIND_MASK | TAKER_MASK);
    Atomics.store(this.#words, this.#at + SLOT_STATE, nextLap(lap));
    this.#words[this.#claim] = 0;
  }

  /** Names, with `takenState`, what was taken for ever: the slot, from 1. */
  get takenSlot(): number {
    return this.#slotNumber + 1;
  }

  get takenState(): number {
    return Atomics.load(this.#words, this.#at + SLOT_STATE);
  }

  /** Whether a participant is about to write or take, as far as it has said. */
  isClaiming(participant: number): boolean {
    return this.maxMessageBytes >= 0 && this.#words[this.#claims + participant * CLAIM_WORDS] !== 0;
  }

  /**
   * Frees what a dead participant was writing. What it was taking is then as if taken here, for `copy` and `disinherit`: true.
   * Called by one at a time.
   */
  inherit(participant: number): boolean {
    if (!this.isClaiming(participant)) return false;
    const words = this.#words;
    const slot = (words[this.#claims + participant * CLAIM_WORDS] ?? 0) - 1;
    const at = this.#slotAt(slot);
    const state = Atomics.load(words, at + SLOT_STATE);
    const isIts = slot >= 0 && slot <= this.#mask && (state & TAKER_MASK) === participant + 1;
    this.#at = at;
    this.#state = state;
    if (isIts && (state & KIND_MASK) === TAKING) return true;
    if (isIts) this.disinherit(participant);
    else words[this.#claims + participant * CLAIM_WORDS] = 0;
    return false;
  }

  /** Frees the slot that was inherited. */
  disinherit(participant: number): void {
    this.release();
    this.#words[this.#claims + participant * CLAIM_WORDS] = 0;
  }

  /** From now on, until `open`, pushes go elsewhere; false while no slot is free. Called by one at a time. */
  close(): boolean {
    return this.#setTail(FREE_SLOT, CLOSED);
  }

  open(): void {
    this.#setTail(CLOSED, FREE_SLOT);
  }

  get isClosed(): boolean {
    return this.maxMessageBytes >= 0 && this.#seekTail() === ELSEWHERE;
  }

  /** Messages between the ends: exact while nobody sends or receives. */
  get length(): number {
    if (this.maxMessageBytes < 0) return 0;
    this.find(0);
    this.#seekTail();
    return Math.min(Math.max(0, (this.#tail - this.#head) | 0), this.#mask + 1);
  }

  #setTail(from: number, to: number): boolean {
    for (;;) {
      const outcome = this.room;
      if (outcome === FULL || outcome === BUSY) return false;
      if (this.maxMessageBytes < 0) return true;
      const lap = this.#lapOf(this.#tail);
      const at = this.#slotAt(this.#tail) + SLOT_STATE;
      const found = Atomics.compareExchange(this.#words, at, lap | from, lap | to);
      if (found === (lap | from) || found === (lap | to)) return true;
    }
  }

  /** Claims the first free slot. */
  #claimTail(): PushOutcome {
    const words = this.#words;
    for (;;) {
      const at = this.#slotAt(this.#tail);
      const free = this.#lapOf(this.#tail);
      words[this.#claim] = ((at - this.#states) >>> 1) + 1;
      if (Atomics.compareExchange(words, at + SLOT_STATE, free, free | WRITING | this.#me) === free) {
        this.#at = at;
        this.#state = free;
        this.#tail = this.#passed(this.#tail, RING_TAIL);
        return SENT;
      }
      words[this.#claim] = 0;
      const outcome = this.#seekTail();
      if (outcome !== SENT) return outcome;
    }
  }

  /** Goes to the first slot that no message was put into; SENT when it is free. */
  #seekTail(): PushOutcome {
    const words = this.#words;
    for (let steps = 0; steps < this.#mostSteps; steps++) {
      const at = this.#slotAt(this.#tail);
      const state = Atomics.load(words, at + SLOT_STATE);
      const difference = (state - this.#lapOf(this.#tail)) >> LAP_SHIFT;
      if (difference === 0) {
        const kind = state & KIND_MASK;
        if (kind === FREE_SLOT) {
          this.#at = at;
          this.#state = state;
          return SENT;
        }
        if (kind === CLOSED) return ELSEWHERE;
      } else if (difference === -1) {
        const kind = state & KIND_MASK;
        return kind === TAKING || kind === SKIPPED ? BUSY : FULL;
      }
      this.#tail = this.#passed(this.#tail, RING_TAIL);
    }
    throw corrupt('its ring has no end');
  }

  /** The next position, or a later one that somebody else has got to. */
  #passed(position: number, hint: number): number {
    const next = (position + 1) | 0;
    if ((next & (hintEvery - 1)) !== 0) return next;
    const words = this.#words;
    const seen = Atomics.load(words, hint);
    if (((next - seen) | 0) <= 0) return seen;
    Atomics.compareExchange(words, hint, seen, next);
    return next;
  }

  #slotAt(position: number): number {
    return this.#states + (position & this.#mask) * SLOT_WORDS;
  }

  get #slotNumber(): number {
    return (this.#at - this.#states) >>> 1;
  }

  /** Offset of the payload of the slot at hand. */
  get #payloadAt(): number {
    return this.#payloads + this.#slotNumber * this.#slotBytes;
  }

  /** The state of a slot that is free at this position. */
  #lapOf(position: number): number {
    return (position >>> this.#lapBits) << LAP_SHIFT;
  }
}

function nextLap(state: number): number {
  return ((state & ~(KIND_MASK | TAKER_MASK)) + (1 << LAP_SHIFT)) | 0;
}

function corrupt(what: string): IpcError {
  return new IpcError('ERR_IPC_CORRUPT', `queue: ${what}`);
}
