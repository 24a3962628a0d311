import { IpcError } from '@ipc/core';
import { ownedCopy } from '@ipc/shm';
import {
  CLAIM_ATTEMPTS,
  CLAIM_SLOT,
  CLAIM_WORDS,
  KIND_MASK,
  LAP_SHIFT,
  OWNER_MASK,
  SLOT_LENGTH,
  SLOT_STATE,
  SLOT_WORDS,
} from './slot-ring-layout.ts';

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
  /** Index of the claim of participant 0. */
  readonly claims: number;
}

/** Slots whose states share a cache line. */
export const slotsPerLine = 8;

/** The slots of a ring, counted from 0, and who claims which: what all its parties read and write them by. */
export class SlotMemory {
  readonly words: Int32Array;
  readonly slots: number;
  readonly mask: number;
  readonly slotBytes: number;
  readonly #place: SlotRingPlace;
  readonly #states: number;
  readonly #payloads: number;
  readonly #payloadWords: number;
  readonly #bytes: Uint8Array;
  #touched = 0;

  constructor(place: SlotRingPlace) {
    this.#place = place;
    this.words = place.words;
    this.slots = place.slots;
    this.mask = place.slots - 1;
    this.slotBytes = place.slotBytes;
    this.#states = place.states;
    this.#payloads = place.payloads;
    this.#payloadWords = place.slotBytes >> 2;
    this.#bytes = place.bytes;
  }

  /** Index of a slot's state. */
  stateAt(slot: number): number {
    return this.#states + slot * SLOT_WORDS + SLOT_STATE;
  }

  /** Index of a participant's claim. */
  claimAt(participant: number): number {
    return this.#place.claims + participant * CLAIM_WORDS;
  }

  /** Puts a message into a slot that is the caller's. */
  write(slot: number, message: Uint8Array): void {
    this.words[this.#states + slot * SLOT_WORDS + SLOT_LENGTH] = message.length;
    this.#bytes.set(message, this.#payloads + slot * this.slotBytes);
  }

  /** A slot's message in memory of its own; `undefined` when its length is impossible. Where it may change meanwhile the caller finds out. */
  copy(slot: number): Uint8Array | undefined {
    const length = this.words[this.#states + slot * SLOT_WORDS + SLOT_LENGTH] ?? -1;
    if (length < 0 || length > this.slotBytes) return undefined;
    return ownedCopy(this.#place, this.#payloads + slot * this.slotBytes, length);
  }

  /**
   * Reads a word of each of so many payloads, for their cache lines to come all at once: an atomic operation waits for each
   * access before it, so else they would come one by one.
   */
  touch(first: number, count: number): void {
    const { words, mask } = this;
    const start = this.#payloads >> 2;
    let touched = 0;
    for (let slot = first; slot < first + count; slot++)
      touched |= words[start + (slot & mask) * this.#payloadWords] ?? 0;
    this.#touched = touched;
  }

  /** What was touched last: a word that is used is a word that is read. */
  get touched(): number {
    return this.#touched;
  }

  /** Makes a slot the claim of a participant that is about to have it. @param attempts - Leases of its message so far. */
  claim(participant: number, slot: number, attempts: number): void {
    const at = this.claimAt(participant);
    this.words[at + CLAIM_ATTEMPTS] = attempts;
    this.words[at + CLAIM_SLOT] = slot + 1;
  }

  /** Whether a participant is about to have a slot, as far as it has said. */
  isClaiming(participant: number): boolean {
    return this.slots > 0 && this.words[this.claimAt(participant) + CLAIM_SLOT] !== 0;
  }

  /** The slot that a participant claims; -1 when it claims none, or one that there is not. */
  claimedBy(participant: number): number {
    if (this.slots === 0) return -1;
    const slot = (this.words[this.claimAt(participant) + CLAIM_SLOT] ?? 0) - 1;
    return slot <= this.mask ? slot : -1;
  }

  attemptsOf(participant: number): number {
    return this.words[this.claimAt(participant) + CLAIM_ATTEMPTS] ?? 0;
  }

  unclaim(participant: number): void {
    this.words[this.claimAt(participant) + CLAIM_SLOT] = 0;
  }

  /** The state of a slot, if it is of that kind and that participant; else `undefined`. */
  ownedState(slot: number, kind: number, participant: number): number | undefined {
    const state = Atomics.load(this.words, this.stateAt(slot));
    return (state & (KIND_MASK | OWNER_MASK)) === (kind | (participant + 1)) ? state : undefined;
  }

  /** Changes the kind and the owner of a slot of this kind and owner, in whatever lap it is; false when it is not. */
  change(slot: number, from: number, owner: number, to: number): boolean {
    for (;;) {
      const state = this.ownedState(slot, from, owner);
      if (state === undefined) return false;
      const changed = (state & ~(KIND_MASK | OWNER_MASK)) | to;
      if (Atomics.compareExchange(this.words, this.stateAt(slot), state, changed) === state) return true;
    }
  }

  /** Frees a slot of this kind and owner, in whatever lap it is; false when it is not. */
  free(slot: number, kind: number, owner: number): boolean {
    for (;;) {
      const state = this.ownedState(slot, kind, owner);
      if (state === undefined) return false;
      if (Atomics.compareExchange(this.words, this.stateAt(slot), state, nextLap(state)) === state)
        return true;
    }
  }
}

/** The state of a slot that is free in the lap behind this state's. */
export function nextLap(state: number): number {
  return ((state & ~(KIND_MASK | OWNER_MASK)) + (1 << LAP_SHIFT)) | 0;
}

/** @param what - The contradiction. */
export function corrupt(what: string): IpcError {
  return new IpcError('ERR_IPC_CORRUPT', `queue: ${what}`);
}
