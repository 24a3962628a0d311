import { IpcError } from '@ipc/core';
import type { Participant } from './participant.ts';
import { isParticipantCount, LINE_BYTES, LINE_WORDS } from './participants-layout.ts';
import { Region, type NamedRegionOptions } from './region.ts';
import { maxAttempts, type SharedRecords } from './shared-records.ts';
import { raiseHint } from './sleepers.ts';
import {
  CLAIMED,
  DONE,
  FULL,
  LAP_BITS,
  LAP_SHIFT,
  LEFT_OVER,
  MAX_BYTES,
  MODE,
  OWNER_MASK,
  PARTICIPANTS,
  PARTICIPANTS_AT,
  PHASE_MASK,
  PHASE_SHIFT,
  SLEEPING_READERS,
  SLEEPING_WRITERS,
  SLOT_HEADER_BYTES,
  SLOTS,
  TAIL,
  TAKEN,
} from './slots-layout.ts';

/** What slots in shared memory are made of. */
export interface SlotOptions extends Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime'> {
  /** How many messages there is room for: a power of two in 2..2^20. */
  readonly slots: number;
  /** Largest message in bytes. Every slot takes 8 more, rounded up to a multiple of 64. */
  readonly maxMessageBytes: number;
  /** How many may take part at once, 2..255; each takes 128 bytes. @default 64 */
  readonly participants?: number | undefined;
}

/** Offsets into it stay 32-bit integers, which are the fast ones. */
const maxRegionBytes = 2 ** 31 - 1;

const LAP_UNUSED_BITS = 32 - LAP_BITS;

/** Numbered slots in a region: the steps that writers and readers of any structure over them take. Layout: slots-layout.ts. */
export class SlotMemory implements SharedRecords {
  readonly region: Region;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly slots: number;
  readonly maxMessageBytes: number;
  readonly mode: number;
  /** Of participants. */
  readonly capacity: number;
  readonly at: number = PARTICIPANTS_AT;
  readonly sleepingReaders: number = SLEEPING_READERS;
  readonly sleepingWriters: number = SLEEPING_WRITERS;
  /** The number of the message that the last {@link SlotMemory.claim} was for. */
  claimed = 0;
  readonly #slotsAt: number;
  readonly #slotWords: number;
  readonly #mask: number;
  readonly #shift: number;

  private constructor(region: Region) {
    const { words } = region;
    this.region = region;
    this.words = words;
    this.bytes = region.bytesView;
    this.slots = Atomics.load(words, SLOTS);
    this.maxMessageBytes = Atomics.load(words, MAX_BYTES);
    this.mode = Atomics.load(words, MODE);
    this.capacity = Atomics.load(words, PARTICIPANTS);
    if (
      !isSlotCount(this.slots) ||
      !isMaxBytes(this.maxMessageBytes) ||
      !isParticipantCount(this.capacity) ||
      slotMemoryBytes(this.slots, this.maxMessageBytes, this.capacity) !== region.bytes
    ) {
      throw new IpcError(
        'ERR_IPC_CORRUPT',
        `${region.kind} "${region.name ?? ''}": ${region.bytes} bytes do not hold ${this.slots} slots of ${this.maxMessageBytes} bytes and ${this.capacity} participants`,
      );
    }
    this.#slotsAt = PARTICIPANTS_AT + this.capacity * LINE_WORDS;
    this.#slotWords = slotBytes(this.maxMessageBytes) >>> 2;
    this.#mask = this.slots - 1;
    this.#shift = 31 - Math.clz32(this.slots);
  }

  /**
   * @throws {IpcError} As `Region.openOrCreate`; ERR_IPC_MISMATCH when it exists with other options; ERR_IPC_CORRUPT.
   * @throws {RangeError} An option out of range.
   */
  static openOrCreate(name: string, kind: string, mode: number, options: SlotOptions): SlotMemory {
    const { slots, maxMessageBytes, participants = 64 } = options;
    if (!isSlotCount(slots)) throw new RangeError(`slots must be a power of two in 2..2^20, got ${slots}`);
    if (!isMaxBytes(maxMessageBytes))
      throw new RangeError(`maxMessageBytes must be an integer in 1..2^28, got ${maxMessageBytes}`);
    if (!isParticipantCount(participants))
      throw new RangeError(`participants must be an integer in 2..255, got ${participants}`);
    const wanted = { slots, maxMessageBytes, mode, participants };
    const bytes = slotMemoryBytes(slots, maxMessageBytes, participants);
    if (bytes > maxRegionBytes)
      throw new RangeError(`${slots} slots of ${maxMessageBytes} bytes are ${bytes} bytes, over 2^31 - 1`);
    const region = Region.openOrCreate(name, {
      ...options,
      kind,
      bytes,
      initialise: ({ words }) => {
        words.set([slots, maxMessageBytes, mode, participants], SLOTS);
        const first = PARTICIPANTS_AT + participants * LINE_WORDS;
        const step = slotBytes(maxMessageBytes) >>> 2;
        for (let slot = 0; slot < slots; slot++) words[first + slot * step] = stateOf(-1, DONE, 0);
      },
    });
    return SlotMemory.#over(region, (memory) => {
      const found = {
        slots: memory.slots,
        maxMessageBytes: memory.maxMessageBytes,
        mode: memory.mode,
        participants: memory.capacity,
      };
      const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
      if (a !== b)
        throw new IpcError('ERR_IPC_MISMATCH', `${kind} "${name}" is ${a}, expected ${b}`, { name });
    });
  }

  /** @throws {IpcError} As `Region.open`; ERR_IPC_CORRUPT. */
  static open(name: string, kind: string): SlotMemory {
    return SlotMemory.#over(Region.open(name, { kind }), () => undefined);
  }

  static #over(region: Region, check: (memory: SlotMemory) => void): SlotMemory {
    try {
      const memory = new SlotMemory(region);
      check(memory);
      return memory;
    } catch (error) {
      region.close();
      throw error;
    }
  }

  /** Index of the state word of a message's slot. */
  slotOf(sequence: number): number {
    return this.#slotsAt + (sequence & this.#mask) * this.#slotWords;
  }

  /** The state of a message's slot in that message's lap. */
  state(sequence: number, phase: number, owner: number): number {
    return stateOf(sequence >>> this.#shift, phase, owner);
  }

  /** By how many laps a slot's state is ahead of that message; -1 is the lap before. */
  lead(state: number, sequence: number): number {
    return (((state >>> LAP_SHIFT) - (sequence >>> this.#shift)) << LAP_UNUSED_BITS) >> LAP_UNUSED_BITS;
  }

  /**
   * Claims the next slot for a writer.
   *
   * @param overFull - Whether a full slot of the lap before may be claimed over.
   * @param limit - The first message that must not be claimed; `undefined` if there is none.
   * @returns The index of its state word, or 0 when it cannot be had now.
   * @throws {IpcError} ERR_IPC_CORRUPT.
   */
  claim(owner: number, overFull: boolean, limit: number | undefined): number {
    const { words } = this;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const sequence = Atomics.load(words, TAIL);
      if (limit !== undefined && ((sequence - limit) | 0) >= 0) return 0;
      const slot = this.slotOf(sequence);
      const state = Atomics.load(words, slot);
      const lead = this.lead(state, sequence);
      if (lead === -1) {
        const phase = phaseOf(state);
        if (phase !== DONE && !(phase === FULL && overFull)) return 0;
        const claim = this.state(sequence, CLAIMED, owner);
        if (Atomics.compareExchange(words, slot, state, claim) !== state) continue;
        Atomics.compareExchange(words, TAIL, sequence, (sequence + 1) | 0);
        this.claimed = sequence;
        return slot;
      }
      if (lead === 0) Atomics.compareExchange(words, TAIL, sequence, (sequence + 1) | 0);
    }
    throw this.damaged();
  }

  /** Fills a claimed slot and makes the message visible. */
  commit(slot: number, owner: number, message: Uint8Array): void {
    this.words[slot + 1] = message.length;
    this.bytes.set(message, slot * 4 + SLOT_HEADER_BYTES);
    Atomics.store(this.words, slot, this.state(this.claimed, FULL, owner));
  }

  /** Whether a writer may claim this message now, or somebody else has. */
  isClaimable(sequence: number, overFull: boolean): boolean {
    const state = Atomics.load(this.words, this.slotOf(sequence));
    return (
      this.lead(state, sequence) !== -1 || phaseOf(state) === DONE || (phaseOf(state) === FULL && overFull)
    );
  }

  /**
   * Clears a slot that somebody left unfinished, if that one is dead.
   *
   * @returns Whether it is worth looking at the slot again. Cost: a system call when its owner lives.
   */
  unblock(sequence: number, participant: Participant): boolean {
    const slot = this.slotOf(sequence);
    const state = Atomics.load(this.words, slot);
    const phase = phaseOf(state);
    if (phase !== CLAIMED && phase !== TAKEN) return false;
    const owner = state & OWNER_MASK;
    if (participant.bury(owner)) return true;
    if (!participant.isVacant(owner)) return false;
    // Nobody can have left like this: damage, or buried just now.
    return Atomics.compareExchange(this.words, slot, state, stateOf(state >>> LAP_SHIFT, DONE, 0)) === state;
  }

  /** What a dead participant had claimed was never sent; what it had taken is there again. */
  repair(owner: number): void {
    const { words } = this;
    for (let index = 0; index < this.slots; index++) {
      const slot = this.slotOf(index);
      const state = Atomics.load(words, slot);
      if ((state & OWNER_MASK) !== owner) continue;
      const lap = state >>> LAP_SHIFT;
      if (phaseOf(state) === CLAIMED) {
        Atomics.compareExchange(words, slot, state, stateOf(lap, DONE, 0));
      } else if (phaseOf(state) === TAKEN) {
        // Counted first: one who dies in between leaves a count too high, which costs the readers one search.
        Atomics.add(words, LEFT_OVER, 1);
        Atomics.compareExchange(words, slot, state, stateOf(lap, FULL, 0));
      }
    }
    raiseHint(words, SLEEPING_READERS);
    raiseHint(words, SLEEPING_WRITERS);
  }

  close(): void {
    this.region.close();
  }

  damaged(): IpcError {
    return new IpcError('ERR_IPC_CORRUPT', `${this.region.kind} "${this.region.name ?? ''}" is damaged`);
  }
}

export function phaseOf(state: number): number {
  return (state >>> PHASE_SHIFT) & PHASE_MASK;
}

function stateOf(lap: number, phase: number, owner: number): number {
  return (lap << LAP_SHIFT) | (phase << PHASE_SHIFT) | owner;
}

function slotBytes(maxMessageBytes: number): number {
  return Math.ceil((SLOT_HEADER_BYTES + maxMessageBytes) / 64) * 64;
}

function slotMemoryBytes(slots: number, maxMessageBytes: number, participants: number): number {
  return PARTICIPANTS_AT * 4 + participants * LINE_BYTES + slots * slotBytes(maxMessageBytes);
}

function isSlotCount(slots: number): boolean {
  return Number.isInteger(slots) && slots >= 2 && slots <= 2 ** 20 && (slots & (slots - 1)) === 0;
}

function isMaxBytes(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= 1 && bytes <= 2 ** 28;
}
