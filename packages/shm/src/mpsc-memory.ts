import { IpcError } from '@ipc/core';
import {
  CLAIMED,
  FREE,
  FULL,
  HEAD,
  LENGTH_SHIFT,
  maxMessageBytesOf,
  mpscBytes,
  mpscKind,
  OWNER_MASK,
  OWNER_SHIFT,
  PARTICIPANTS_AT,
  PHASE_MASK,
  readShape,
  REPAIRED,
  SKIPPED,
  SLEEPING_READERS,
  SLEEPING_WRITERS,
  TAIL,
  UNIT_SHIFT,
  UNITS,
  unitsIn,
  unitsOf,
  type MpscShape,
} from './mpsc-layout.ts';
import type { Participant } from './participant.ts';
import { LINE_WORDS } from './participants-layout.ts';
import { Region, type NamedRegionOptions } from './region.ts';
import { maxAttempts, type SharedRecords } from './shared-records.ts';
import { raiseHint } from './sleepers.ts';

export interface MpscOptions extends MpscShape, Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime'> {}

/** Makes a ring of many writers out of zeros in a region of one's own. @param offset - In its payload: a multiple of 128. @throws {RangeError} */
export function formatMpsc(region: Region, offset: number, shape: MpscShape): void {
  const bytes = mpscBytes(shape);
  if (!Number.isInteger(offset) || offset < 0 || offset % 128 !== 0 || offset + bytes > region.bytes) {
    throw new RangeError(
      `offset must be a multiple of 128 with ${bytes} bytes behind it in a region of ${region.bytes}, got ${offset}`,
    );
  }
  const { capacityBytes, participants = 64 } = shape;
  region.words.set([capacityBytes >>> UNIT_SHIFT, participants], (offset >>> 2) + UNITS);
}

/** A ring of many writers and one reader: the steps that either side takes. Layout: mpsc-layout.ts. */
export class MpscMemory implements SharedRecords {
  readonly region: Region;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly units: number;
  readonly maxMessageBytes: number;
  /** Of participants. */
  readonly capacity: number;
  readonly at: number;
  readonly sleepingReaders: number;
  readonly sleepingWriters: number;
  /** Indices of words. */
  readonly head: number;
  readonly repaired: number;
  readonly states: number;
  readonly #tail: number;
  readonly #mask: number;
  readonly #unitsAt: number;
  readonly #ownsRegion: boolean;

  private constructor(region: Region, offset: number, ownsRegion: boolean) {
    const { words } = region;
    const start = offset >>> 2;
    const label = `the memory at ${offset} of region "${region.name ?? ''}"`;
    const shape = readShape(words, start, label);
    if (offset + mpscBytes(shape) > region.bytes) {
      throw new IpcError('ERR_IPC_CORRUPT', `${label} does not hold ${JSON.stringify(shape)}`);
    }
    this.region = region;
    this.words = words;
    this.bytes = region.bytesView;
    this.units = shape.capacityBytes >>> UNIT_SHIFT;
    this.maxMessageBytes = maxMessageBytesOf(shape.capacityBytes);
    this.capacity = shape.participants;
    this.at = start + PARTICIPANTS_AT;
    this.sleepingReaders = start + SLEEPING_READERS;
    this.sleepingWriters = start + SLEEPING_WRITERS;
    this.head = start + HEAD;
    this.repaired = start + REPAIRED;
    this.states = this.at + shape.participants * LINE_WORDS;
    this.#tail = start + TAIL;
    this.#mask = this.units - 1;
    this.#unitsAt = (this.states + this.units) * 4;
    this.#ownsRegion = ownsRegion;
  }

  /** @throws {IpcError} As `Region.openOrCreate`; ERR_IPC_MISMATCH when it exists in another shape. @throws {RangeError} */
  static openOrCreate(name: string, options: MpscOptions): MpscMemory {
    const bytes = mpscBytes(options);
    const region = Region.openOrCreate(name, {
      ...options,
      kind: mpscKind,
      bytes,
      initialise: (created) => {
        formatMpsc(created, 0, options);
      },
    });
    return MpscMemory.#over(region, ({ units, capacity }) => {
      const { capacityBytes, participants = 64 } = options;
      if (units << UNIT_SHIFT === capacityBytes && capacity === participants) return;
      throw new IpcError(
        'ERR_IPC_MISMATCH',
        `ring "${name}" has capacityBytes ${units << UNIT_SHIFT} and ${capacity} participants, expected ${capacityBytes} and ${participants}`,
        { name },
      );
    });
  }

  /** @throws {IpcError} As `Region.open`; ERR_IPC_CORRUPT. */
  static open(name: string): MpscMemory {
    return MpscMemory.#over(Region.open(name, { kind: mpscKind }), () => undefined);
  }

  /** A ring that `formatMpsc` made in a region of the caller's. @throws {RangeError} @throws {IpcError} ERR_IPC_CORRUPT. */
  static within(region: Region, offset: number): MpscMemory {
    if (!Number.isInteger(offset) || offset < 0 || offset % 128 !== 0 || offset + 640 > region.bytes) {
      throw new RangeError(`offset must be a multiple of 128 inside the region, got ${offset}`);
    }
    return new MpscMemory(region, offset, false);
  }

  static #over(region: Region, check: (memory: MpscMemory) => void): MpscMemory {
    try {
      const memory = new MpscMemory(region, 0, true);
      check(memory);
      return memory;
    } catch (error) {
      region.close();
      throw error;
    }
  }

  unitAt(position: number): number {
    return position & this.#mask;
  }

  /** What the state of a unit is while nobody has claimed it in the lap of this position. */
  freeState(position: number): number {
    return position & ~this.#mask;
  }

  /** Where a unit's bytes are in {@link MpscMemory.bytes}. */
  offsetOf(unit: number): number {
    return this.#unitsAt + (unit << UNIT_SHIFT);
  }

  /**
   * Claims units for a message.
   *
   * @returns The first unit, or -1 when there is no room. @throws {IpcError} ERR_IPC_CORRUPT.
   */
  claim(owner: number, length: number): number {
    const { words, units } = this;
    const needed = unitsOf(length);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const tail = Atomics.load(words, this.#tail);
      const used = (tail - Atomics.load(words, this.head)) | 0;
      // Only in a ring that is not full does the unit at tail belong to the lap of tail.
      if (used >= units) return -1;
      const unit = tail & this.#mask;
      const state = Atomics.load(words, this.states + unit);
      if (state !== this.freeState(tail)) {
        // Claimed, by somebody who has not moved tail on yet; or tail has moved since, and stays where it is.
        if ((state & PHASE_MASK) !== FREE) this.#moveTail(tail, unitsIn(state));
        continue;
      }
      const wanted = Math.min(needed, units - unit);
      if (used + wanted > units) return -1;
      const claim = wanted === needed ? claimOf(length, owner) : skipOf(wanted);
      if (Atomics.compareExchange(words, this.states + unit, state, claim) !== state) continue;
      this.#moveTail(tail, wanted);
      if (wanted === needed) return unit;
    }
    throw this.damaged();
  }

  /** Makes the message in a claimed record visible. */
  commit(unit: number, owner: number, length: number): void {
    Atomics.store(this.words, this.states + unit, (length << LENGTH_SHIFT) | (owner << OWNER_SHIFT) | FULL);
  }

  /** Makes a claimed record one that the reader steps over. */
  skip(unit: number, length: number): void {
    Atomics.store(this.words, this.states + unit, skipOf(unitsOf(length)));
  }

  /** Where head must be before a message of this length can be claimed, or what is left before the end skipped. */
  needFor(length: number): number {
    const tail = Atomics.load(this.words, this.#tail);
    return (tail + Math.min(unitsOf(length), this.units - (tail & this.#mask)) - this.units) | 0;
  }

  /** Whether trying to claim for a message of this length gets anywhere. */
  isClaimable(length: number): boolean {
    const tail = Atomics.load(this.words, this.#tail);
    const head = Atomics.load(this.words, this.head);
    if (((tail - head) | 0) >= this.units) return false;
    const isBehind = Atomics.load(this.words, this.states + this.unitAt(tail)) !== this.freeState(tail);
    return isBehind || ((head - this.needFor(length)) | 0) >= 0;
  }

  /** Gives the units of a record to the next lap. Its first unit last: a reader that dies in between leaves the record whole. */
  free(position: number, units: number): void {
    const { words } = this;
    const first = this.states + (position & this.#mask);
    const next = this.freeState(position + this.units);
    for (let state = first + 1; state < first + units; state++) words[state] = next;
    Atomics.store(words, first, next);
  }

  unblock(position: number, participant: Participant): boolean {
    const index = this.states + this.unitAt(position);
    const state = Atomics.load(this.words, index);
    if ((state & PHASE_MASK) !== CLAIMED) return false;
    const owner = ownerOf(state);
    if (participant.bury(owner)) return true;
    if (!participant.isVacant(owner)) return false;
    // Nobody can have left like this: damage, or buried just now.
    return Atomics.compareExchange(this.words, index, state, skipOf(unitsIn(state))) === state;
  }

  /** What a dead participant had claimed was never sent. */
  repair(number: number): void {
    const { words } = this;
    for (let index = this.states; index < this.states + this.units; index++) {
      const state = Atomics.load(words, index);
      if ((state & PHASE_MASK) !== CLAIMED || ownerOf(state) !== number) continue;
      if (Atomics.compareExchange(words, index, state, skipOf(unitsIn(state))) === state) {
        Atomics.add(words, this.repaired, 1);
      }
    }
    raiseHint(words, this.sleepingReaders);
    raiseHint(words, this.sleepingWriters);
  }

  damaged(): IpcError {
    return new IpcError('ERR_IPC_CORRUPT', `ring "${this.region.name ?? ''}" is damaged`);
  }

  close(): void {
    if (this.#ownsRegion) this.region.close();
  }

  #moveTail(from: number, by: number): void {
    Atomics.compareExchange(this.words, this.#tail, from, (from + by) | 0);
  }
}

function claimOf(length: number, owner: number): number {
  return (length << LENGTH_SHIFT) | (owner << OWNER_SHIFT) | CLAIMED;
}

function skipOf(units: number): number {
  return (units << OWNER_SHIFT) | SKIPPED;
}

function ownerOf(state: number): number {
  return (state >>> OWNER_SHIFT) & OWNER_MASK;
}
