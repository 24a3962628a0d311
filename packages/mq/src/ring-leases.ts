import { RING_LEASES } from './shared-layout.ts';
import type { SlotMemory } from './slot-memory.ts';
import type { SlotRing } from './slot-ring.ts';
import {
  CLAIM_LEASES,
  ENTRY_DEADLINE,
  ENTRY_POSITION,
  ENTRY_SLOT,
  ENTRY_WORDS,
  LEASE_ENTRIES,
  LEASED_SLOT,
  LEASES_WORDS,
  MOVING,
} from './slot-ring-layout.ts';
import { timeAt, timeWords } from './time-words.ts';

/** A lease of the own participant, while it lasts. */
export interface RingLeaseId {
  readonly entry: number;
  readonly slot: number;
  readonly serial: number;
}

/** Somebody's message under lease. */
export interface HeldSlot {
  readonly participant: number;
  readonly slot: number;
  /** Among all that were ever sent, modulo 2^32. */
  readonly position: number;
  readonly deadlineMs: number;
}

/**
 * Messages that stay in the ring while their receiver has them under lease: no guard, and no memory but the slot.
 *
 * A slot in LEASED says by itself whose it is, and one compareExchange ends that; the entry says until when. Only its participant changes
 * an entry, before the slot becomes leased and after it is free again, so a lease that there is always has one. Whoever is inside
 * the guard may end leases of others.
 */
export class RingLeases {
  readonly #memory: SlotMemory;
  readonly #words: Int32Array;
  readonly #ring: SlotRing;
  readonly #participant: number;
  readonly #start: number;
  /** Of the lease in each entry, 0 for none: a slot and its entry may be leased again while its last receiver still has the old one. */
  readonly #serials = new Float64Array(LEASE_ENTRIES);
  #serial = 0;
  #inUse = 0;
  #next = 0;

  /** @param start - Index of the first entry of participant 0. @param participant - The own place in the table. */
  constructor(memory: SlotMemory, ring: SlotRing, start: number, participant: number) {
    const { words } = memory;
    this.#memory = memory;
    this.#words = words;
    this.#ring = ring;
    this.#participant = participant;
    this.#start = start;
  }

  /** Whether another lease fits: leases that others have ended make room. */
  get hasRoom(): boolean {
    if (this.#inUse === LEASE_ENTRIES) this.#sweep(-1);
    return this.#inUse < LEASE_ENTRIES;
  }

  /** Leases what the ring's `look` has found, where `hasRoom`; `undefined` when somebody else was faster. */
  lease(deadlineMs: number): { readonly bytes: Uint8Array; readonly id: RingLeaseId } | undefined {
    const words = this.#words;
    while (this.#serials[this.#next] !== 0) this.#next = (this.#next + 1) % LEASE_ENTRIES;
    const entry = this.#next;
    const at = this.#entryAt(this.#participant, entry);
    const { slot } = this.#ring;
    this.#setDeadline(at, deadlineMs);
    words[at + ENTRY_POSITION] = this.#ring.position;
    words[at + ENTRY_SLOT] = slot + 1;
    this.#count(1);
    if (words[RING_LEASES] === 0) Atomics.store(words, RING_LEASES, 1);
    let bytes: Uint8Array | undefined;
    try {
      bytes = this.#ring.take(LEASED_SLOT | (this.#participant + 1));
    } finally {
      if (bytes === undefined && this.#memory.ownedState(slot, LEASED_SLOT, this.#participant) === undefined)
        this.#clear(entry);
    }
    if (bytes === undefined) return undefined;
    if (this.#inUse > 1) this.#sweep(slot);
    const serial = ++this.#serial;
    this.#serials[entry] = serial;
    return { bytes, id: { entry, slot, serial } };
  }

  /** Ends an own lease, and the message with it; false when it is over. */
  acknowledge(id: RingLeaseId): boolean {
    if (!this.#isIts(id)) return false;
    const ended = this.#end(id.slot);
    this.#clear(id.entry);
    return ended;
  }

  /** Inside: the slot of an own lease that lasts; `undefined` when it is over. */
  held(id: RingLeaseId): HeldSlot | undefined {
    return this.#isIts(id) ? this.#heldIn(this.#participant, id.entry) : undefined;
  }

  /** Inside: moves the deadline of an own lease that lasts. */
  extend({ entry }: RingLeaseId, deadlineMs: number): void {
    this.#setDeadline(this.#entryAt(this.#participant, entry), deadlineMs);
  }

  /** An own lease was ended otherwise. */
  forget(id: RingLeaseId): void {
    if (this.#isIts(id)) this.#clear(id.entry);
  }

  /** Whether a participant may have leases here. */
  hasSome(participant: number): boolean {
    return this.#memory.slots > 0 && this.#words[this.#memory.claimAt(participant) + CLAIM_LEASES] !== 0;
  }

  /** The leases of a participant. */
  heldBy(participant: number): HeldSlot[] {
    const held: HeldSlot[] = [];
    if (this.hasSome(participant)) {
      for (let entry = 0; entry < LEASE_ENTRIES; entry++) {
        const lease = this.#heldIn(participant, entry);
        if (lease !== undefined) held.push(lease);
      }
    }
    return held;
  }

  /** Inside: a participant that has no leases any more leaves its entries to who has its place next. */
  reset(participant: number): void {
    if (this.#memory.slots === 0) return;
    for (let entry = 0; entry < LEASE_ENTRIES; entry++)
      this.#words[this.#entryAt(participant, entry) + ENTRY_SLOT] = 0;
    this.#words[this.#memory.claimAt(participant) + CLAIM_LEASES] = 0;
  }

  /** Frees a slot of an own lease, and the blocks of its message; who dies in between has not acknowledged it yet, or has. */
  #end(slot: number): boolean {
    const memory = this.#memory;
    const me = this.#participant;
    if ((this.#words[memory.lengthAt(slot)] ?? 0) <= memory.slotBytes)
      return memory.free(slot, LEASED_SLOT, me);
    memory.claim(me, slot, 1);
    const isOwn = memory.change(slot, LEASED_SLOT, me, MOVING | (me + 1));
    if (isOwn) {
      memory.receive(slot);
      memory.freeBlocks(slot);
      memory.free(slot, MOVING, me);
    }
    memory.unclaim(me);
    return isOwn;
  }

  #isIts({ entry, serial }: RingLeaseId): boolean {
    return this.#serials[entry] === serial;
  }

  /** The lease in an entry; `undefined` when there is none, or it has just ended. */
  #heldIn(participant: number, entry: number): HeldSlot | undefined {
    const at = this.#entryAt(participant, entry);
    const slot = (this.#words[at + ENTRY_SLOT] ?? 0) - 1;
    if (slot < 0 || slot > this.#memory.mask) return undefined;
    if (this.#memory.ownedState(slot, LEASED_SLOT, participant) === undefined) return undefined;
    return {
      participant,
      slot,
      position: this.#words[at + ENTRY_POSITION] ?? 0,
      deadlineMs: timeAt(this.#words, at + ENTRY_DEADLINE),
    };
  }

  /** Clears entries whose lease others have ended; and those of `slot`, which has just been leased once more. */
  #sweep(slot: number): void {
    for (let entry = 0; entry < LEASE_ENTRIES; entry++) {
      if (this.#serials[entry] === 0) continue;
      const held = (this.#words[this.#entryAt(this.#participant, entry) + ENTRY_SLOT] ?? 0) - 1;
      if (held === slot) this.#clear(entry);
      else if (slot < 0 && this.#heldIn(this.#participant, entry) === undefined) this.#clear(entry);
    }
  }

  #clear(entry: number): void {
    this.#words[this.#entryAt(this.#participant, entry) + ENTRY_SLOT] = 0;
    this.#serials[entry] = 0;
    this.#next = entry;
    this.#count(-1);
  }

  #setDeadline(at: number, deadlineMs: number): void {
    const words = timeWords(deadlineMs);
    this.#words[at + ENTRY_DEADLINE] = words[0] ?? 0;
    this.#words[at + ENTRY_DEADLINE + 1] = words[1] ?? 0;
  }

  #count(difference: number): void {
    this.#inUse += difference;
    this.#words[this.#memory.claimAt(this.#participant) + CLAIM_LEASES] = this.#inUse;
  }

  #entryAt(participant: number, entry: number): number {
    return this.#start + participant * LEASES_WORDS + entry * ENTRY_WORDS;
  }
}
