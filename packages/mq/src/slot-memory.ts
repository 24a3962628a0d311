import { IpcError } from '@ipc/core';
import { ownedCopy, setBytes } from '@ipc/shm';
import type { BlockPool } from './block-pool.ts';
import { orderedLoad } from './ordered-load.ts';
import {
  CLAIM_ATTEMPTS,
  CLAIM_FREED,
  CLAIM_SENT,
  CLAIM_SLOT,
  CLAIM_WORDS,
  KIND_MASK,
  LAP_SHIFT,
  OWNER_MASK,
  RECEIVED,
  SLOT_BLOCK,
  SLOT_BLOCK_STATE,
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
  /** Bytes of one message at most. */
  readonly maxMessageBytes: number;
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
  readonly #blocks: BlockPool;
  #touched = 0;

  constructor(place: SlotRingPlace, blocks: BlockPool) {
    this.#blocks = blocks;
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
    this.words[this.lengthAt(slot)] = message.length;
    setBytes(this.#bytes, message, this.#payloads + slot * this.slotBytes);
  }

  /** Puts the chain that two words name into a slot that is the caller's, and clears them: from now on the slot names it. */
  handOver(slot: number, length: number, name: number): void {
    const { words } = this;
    const at = this.#payloadAt(slot);
    words[at + SLOT_BLOCK] = words[name] ?? 0;
    words[at + SLOT_BLOCK_STATE] = words[name + 1] ?? 0;
    words[this.lengthAt(slot)] = length;
    words[name] = 0;
  }

  /** The other way round: the slot is given back, and its chain goes on to another. */
  takeBack(slot: number, name: number): void {
    const { words } = this;
    words[name + 1] = this.blockStateOf(slot);
    words[name] = this.blockOf(slot);
    words[this.lengthAt(slot)] = 0;
  }

  /** Says that the message of a slot, which is the caller's, is received. */
  receive(slot: number): void {
    this.words[this.lengthAt(slot)] = RECEIVED;
  }

  /** Index of a slot's length. */
  lengthAt(slot: number): number {
    return this.#states + slot * SLOT_WORDS + SLOT_LENGTH;
  }

  /** The length of a slot's message; `undefined` when it is impossible. */
  lengthOf(slot: number): number | undefined {
    const length = this.words[this.lengthAt(slot)] ?? -1;
    return length < 0 || length > this.#place.maxMessageBytes ? undefined : length;
  }

  /** Of a message that is longer than a slot: its first block. */
  blockOf(slot: number): number {
    return this.words[this.#payloadAt(slot) + SLOT_BLOCK] ?? 0;
  }

  blockStateOf(slot: number): number {
    return this.words[this.#payloadAt(slot) + SLOT_BLOCK_STATE] ?? 0;
  }

  /** A message that is not longer than its slot, in memory of its own. Where it may change meanwhile the caller finds out. */
  copy(slot: number, length: number): Uint8Array {
    return ownedCopy(this.#place, this.#payloads + slot * this.slotBytes, length);
  }

  /** Gives back the blocks of a message that nobody needs any more, if it has any, in a slot that is the caller's or its heir's. */
  freeBlocks(slot: number): void {
    const length = this.words[this.lengthAt(slot)] ?? 0;
    if (length > this.slotBytes || length === RECEIVED)
      this.#blocks.free(this.blockOf(slot), this.blockStateOf(slot));
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

  /** Whether a participant is about to have a slot, or has blocks that nothing else names, as far as it has said. */
  isClaiming(participant: number): boolean {
    const at = this.claimAt(participant);
    const { words } = this;
    return words[at + CLAIM_SLOT] !== 0 || words[at + CLAIM_SENT] !== 0 || words[at + CLAIM_FREED] !== 0;
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
    const state = orderedLoad(this.words, this.stateAt(slot));
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

  #payloadAt(slot: number): number {
    return (this.#payloads + slot * this.slotBytes) >> 2;
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
