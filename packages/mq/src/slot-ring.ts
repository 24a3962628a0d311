import { ownedMemory } from '@ipc/core';
import type { BlockPool } from './block-pool.ts';
import { orderedLoad } from './ordered-load.ts';
import { RING_HEAD, RING_TAIL } from './shared-layout.ts';
import { corrupt, nextLap, slotsPerLine, type SlotMemory } from './slot-memory.ts';
import {
  CLOSED,
  FREE_SLOT,
  KIND_MASK,
  LAP_SHIFT,
  LEASED_SLOT,
  MOVING,
  PUBLISHED,
  SKIPPED,
  WRITING,
} from './slot-ring-layout.ts';

/** What became of a push. */
export const SENT = 0;
export const FULL = 1;
/** Its place is in the list behind the ring. */
export const ELSEWHERE = 2;
export type PushOutcome = typeof SENT | typeof FULL | typeof ELSEWHERE;

/** Looks at a message that is being written before it is skipped. */
const looksAtWriter = 200;
/** Looks at a full ring, for room for some messages, before it is said to be full. */
const looksAtFullRing = 100;
/** Room for so many is waited for: who asks for each slot as it becomes free takes its cache line from who frees the next. */
const [someRoom, muchRoom] = [16, 64];
/** The words that say where the ring's ends are lag behind by so many messages at most: writing them costs more than looking. */
const hintEvery = 8;

/**
 * A bounded queue of small messages, many senders and many receivers, in the order of sending, without a lock.
 *
 * A slot's state word has its position's lap, so one compareExchange on the slot claims it, one publishes it and one receives it; the
 * words for head and tail are hints. Nobody waits for anybody: a message that is not published soon is skipped, and its sender,
 * when it goes on, sends again; who receives copies first, and has the message if it is still there then. One that is longer than a
 * slot is in blocks before its sender claims a slot, and its receiver has the slot while it copies them. See slot-ring-layout.ts for what
 * a death leaves behind.
 *
 * Cost: two compareExchanges a message for the sender, one for the receiver.
 * Source: D. Vyukov, bounded MPMC queue; skipping after LCRQ (Morrison and Afek 2013).
 */
export class SlotRing {
  /** Whether there is none. */
  readonly isAbsent: boolean;
  readonly #memory: SlotMemory;
  readonly #blocks: BlockPool;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #lapBits: number;
  readonly #mostSteps: number;
  readonly #participant: number;
  #head: number;
  #tail: number;
  /** Everything before this position was seen published, or is taken. */
  #seen: number;
  /** The slot found by `look` or the like, and its state. */
  #slot = 0;
  #state = 0;

  /** @param participant - The own place in the table. */
  constructor(memory: SlotMemory, blocks: BlockPool, participant: number) {
    const { words, slots } = memory;
    this.#blocks = blocks;
    this.#memory = memory;
    this.#words = words;
    this.#mask = memory.mask;
    this.#lapBits = 31 - Math.clz32(slots);
    this.#mostSteps = 4 * slots + (1 << 16);
    this.#participant = participant;
    this.isAbsent = slots === 0;
    this.#head = this.#seen = Atomics.load(words, RING_HEAD);
    this.#tail = Atomics.load(words, RING_TAIL);
  }

  /**
   * Puts a message in.
   *
   * @param name - Index of the two words that name its blocks; 0: it fits into a slot. They name none any more when it is SENT.
   * @param ring - Called before the message can be seen.
   */
  push(message: Uint8Array, name: number, ring: () => void): PushOutcome {
    if (this.isAbsent) return ELSEWHERE;
    for (;;) {
      const outcome = this.#claimTail();
      if (outcome !== SENT) return outcome;
      const slot = this.#slot;
      const free = this.#state;
      if (name !== 0) this.#memory.handOver(slot, message.length, name);
      else this.#memory.write(slot, message);
      try {
        ring();
      } catch (error) {
        this.#giveUp(slot, name);
        throw error;
      }
      const writing = free | WRITING | (this.#participant + 1);
      const at = this.#memory.stateAt(slot);
      if (Atomics.compareExchange(this.#words, at, writing, free | PUBLISHED) === writing) {
        this.#memory.unclaim(this.#participant);
        return SENT;
      }
      this.#giveUp(slot, name); // it was skipped
    }
  }

  /** Whether a push would find a free slot. */
  get room(): PushOutcome {
    return this.isAbsent ? ELSEWHERE : this.#seekTail();
  }

  /** Whether there is room for many, as far as can be seen at a glance: for who looks again and again. */
  get isRoomy(): boolean {
    return this.isAbsent || this.#isFreeAhead(muchRoom);
  }

  /** Goes to the oldest message; false when there is none. What it goes to may have been taken: `take` tells. */
  look(): boolean {
    if (this.#head === this.#seen) return this.find();
    this.#slot = this.#head & this.#mask;
    this.#state = this.#lapOf(this.#head) | PUBLISHED;
    return true;
  }

  /** As `look`, and it is there. One that is being written for long is skipped. @param looks - How long. */
  find(looks: number = looksAtWriter): boolean {
    if (this.isAbsent) return false;
    const words = this.#words;
    let left = looks;
    for (let steps = 0; steps < this.#mostSteps; steps++) {
      const slot = this.#head & this.#mask;
      const at = this.#memory.stateAt(slot);
      const state = orderedLoad(words, at);
      const difference = (state - this.#lapOf(this.#head)) >> LAP_SHIFT;
      if (difference === 0) {
        const kind = state & KIND_MASK;
        if (kind === PUBLISHED) {
          this.#slot = slot;
          this.#state = state;
          this.#lookAhead();
          return true;
        }
        if (kind === FREE_SLOT || kind === CLOSED) return false;
        if (kind === WRITING) {
          if (left-- > 0) continue;
          left = looks;
          const skipped = (state & ~KIND_MASK) | SKIPPED;
          if (Atomics.compareExchange(words, at, state, skipped) !== state) continue;
        }
      } else if (difference === -1) return false; // one of the lap before is still there
      this.#head = this.#seen = this.#passed(this.#head, RING_HEAD);
    }
    throw corrupt('its ring has no end');
  }

  /** The slot of the message that `look` or `find` has found. */
  get slot(): number {
    return this.#slot;
  }

  /** Its place among all that were ever sent, modulo 2^32. */
  get position(): number {
    return this.#head;
  }

  /**
   * The message that `look` or `find` has found, in memory of its own; its slot is free, or becomes the caller's.
   *
   * @param owned - Kind and owner of the slot from now on. @default it is free in the next lap
   * @returns `undefined` when somebody else was faster. @throws {IpcError} ERR_IPC_CORRUPT: its length; it is gone.
   */
  take(owned?: number): Uint8Array | undefined {
    const memory = this.#memory;
    const slot = this.#slot;
    const length = memory.lengthOf(slot);
    if (length !== undefined && length > memory.slotBytes) return this.#takeLong(length, owned);
    const bytes = length === undefined ? undefined : memory.copy(slot, length);
    const state = this.#state;
    const after = owned === undefined || bytes === undefined ? nextLap(state) : (state & ~KIND_MASK) | owned;
    if (!this.#claimHead(after)) return undefined;
    if (bytes === undefined) throw corrupt('a message of an impossible length');
    return bytes;
  }

  /** From now on, until `open`, pushes go elsewhere; false while no slot is free. Called by one at a time. */
  close(): boolean {
    return this.#setTail(FREE_SLOT, CLOSED);
  }

  open(): void {
    this.#setTail(CLOSED, FREE_SLOT);
  }

  get isClosed(): boolean {
    return !this.isAbsent && this.#seekTail() === ELSEWHERE;
  }

  /** Messages between the ends, and slots there that are leased: exact while nobody sends or receives. */
  get length(): number {
    if (this.isAbsent) return 0;
    this.find(0);
    this.#seekTail();
    return Math.min(Math.max(0, (this.#tail - this.#head) | 0), this.#mask + 1);
  }

  /** Whether a slot lies between the ends, as `length` has just found them. */
  isWithin(slot: number): boolean {
    return ((slot - this.#head) & this.#mask) < ((this.#tail - this.#head) | 0);
  }

  /** Behind one that was published there may be more: their payloads come together then. */
  #lookAhead(): void {
    const words = this.#words;
    let next = (this.#head + 1) | 0;
    while (
      (next & (slotsPerLine - 1)) !== 0 &&
      orderedLoad(words, this.#memory.stateAt(next & this.#mask)) === (this.#lapOf(next) | PUBLISHED)
    )
      next = (next + 1) | 0;
    this.#memory.touch(this.#head & this.#mask, (next - this.#head) | 0);
    this.#seen = next;
  }

  /** A message in blocks is copied when nobody else has it any more: it may be large, and others go on behind it meanwhile. */
  #takeLong(length: number, owned: number | undefined): Uint8Array | undefined {
    const memory = this.#memory;
    const me = this.#participant;
    const slot = this.#slot;
    const [block, state] = [memory.blockOf(slot), memory.blockStateOf(slot)];
    const bytes = ownedMemory(length); // before the message is taken: there may be no memory
    if (owned !== undefined) {
      if (!this.#claimHead((this.#state & ~KIND_MASK) | owned)) return undefined;
      const isWhole = this.#blocks.load(block, state, bytes);
      // Others may have ended the lease meanwhile, received the message, and given its blocks back.
      if (memory.ownedState(slot, owned & KIND_MASK, me) === undefined) return undefined;
      if (isWhole) return bytes;
      memory.free(slot, owned & KIND_MASK, me);
    } else {
      memory.claim(me, slot, 0);
      if (!this.#claimHead((this.#state & ~KIND_MASK) | MOVING | (me + 1))) {
        memory.unclaim(me);
        return undefined;
      }
      const isWhole = this.#blocks.load(block, state, bytes);
      memory.receive(slot);
      memory.freeBlocks(slot);
      memory.free(slot, MOVING, me);
      memory.unclaim(me);
      if (isWhole) return bytes;
    }
    throw corrupt(`a message of ${length} bytes without its blocks`);
  }

  /** Gives the slot that `look` or `find` has found another state, and goes on behind it; false when somebody else was faster. */
  #claimHead(after: number): boolean {
    const state = this.#state;
    if (Atomics.compareExchange(this.#words, this.#memory.stateAt(this.#slot), state, after) !== state) {
      this.#seen = this.#head;
      return false;
    }
    const next = this.#passed(this.#head, RING_HEAD);
    if (next !== ((this.#head + 1) | 0)) this.#seen = next; // others are ahead
    this.#head = next;
    return true;
  }

  #setTail(from: number, to: number): boolean {
    for (;;) {
      if (this.room === FULL) return false;
      if (this.isAbsent) return true;
      const lap = this.#lapOf(this.#tail);
      const at = this.#memory.stateAt(this.#tail & this.#mask);
      const found = Atomics.compareExchange(this.#words, at, lap | from, lap | to);
      if (found === (lap | from) || found === (lap | to)) return true;
    }
  }

  /** Claims the first free slot. */
  #claimTail(): PushOutcome {
    const memory = this.#memory;
    let isPatient = true;
    for (;;) {
      const slot = this.#tail & this.#mask;
      const free = this.#lapOf(this.#tail);
      memory.claim(this.#participant, slot, 0);
      const writing = free | WRITING | (this.#participant + 1);
      if (Atomics.compareExchange(this.#words, memory.stateAt(slot), free, writing) === free) {
        this.#slot = slot;
        this.#state = free;
        this.#tail = this.#passed(this.#tail, RING_TAIL);
        if ((this.#tail & (slotsPerLine - 1)) === 0) memory.touch(this.#tail & this.#mask, slotsPerLine);
        return SENT;
      }
      memory.unclaim(this.#participant);
      const outcome = this.#seekTail();
      if (outcome === FULL && isPatient) {
        isPatient = false;
        for (let looks = looksAtFullRing; looks > 0 && !this.#isFreeAhead(someRoom); looks--);
      } else if (outcome !== SENT) return outcome;
    }
  }

  /** Goes to the first slot that no message was put into; SENT when it is free. */
  #seekTail(): PushOutcome {
    const words = this.#words;
    let taken = 0;
    for (let steps = 0; steps < this.#mostSteps; steps++) {
      const at = this.#memory.stateAt(this.#tail & this.#mask);
      const state = orderedLoad(words, at);
      const difference = (state - this.#lapOf(this.#tail)) >> LAP_SHIFT;
      const kind = state & KIND_MASK;
      if (difference === 0) {
        if (kind === FREE_SLOT) return SENT;
        if (kind === CLOSED) return ELSEWHERE;
      } else if (difference === -1) {
        if (kind !== LEASED_SLOT && kind !== MOVING && kind !== SKIPPED) return FULL;
        if (taken++ > this.#mask) return FULL; // every slot is leased
        const along = (state + (1 << LAP_SHIFT)) | 0;
        if (Atomics.compareExchange(words, at, state, along) !== state) continue;
      }
      this.#tail = this.#passed(this.#tail, RING_TAIL);
    }
    throw corrupt('its ring has no end');
  }

  /** Gives a slot back that was claimed for nothing. */
  #giveUp(slot: number, name: number): void {
    const memory = this.#memory;
    if (name !== 0) memory.takeBack(slot, name);
    const me = this.#participant;
    if (!memory.free(slot, WRITING, me)) memory.free(slot, SKIPPED, me);
    memory.unclaim(me);
  }

  /** Whether so many slots from the first free one on may be free, looking at the last of them only. */
  #isFreeAhead(count: number): boolean {
    const ahead = (this.#tail + Math.min(count, (this.#mask + 1) >> 1) - 1) | 0;
    const state = orderedLoad(this.#words, this.#memory.stateAt(ahead & this.#mask));
    return (state - this.#lapOf(ahead)) >> LAP_SHIFT >= 0;
  }

  /** The next position, or a later one that somebody else has got to. */
  #passed(position: number, hint: number): number {
    const next = (position + 1) | 0;
    if ((next & (hintEvery - 1)) !== 0) return next;
    const words = this.#words;
    const seen = orderedLoad(words, hint);
    if (((next - seen) | 0) <= 0) return seen;
    Atomics.compareExchange(words, hint, seen, next);
    return next;
  }

  /** The state of a slot that is free at this position. */
  #lapOf(position: number): number {
    return (position >>> this.#lapBits) << LAP_SHIFT;
  }
}
