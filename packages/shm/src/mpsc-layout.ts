/**
 * A ring of records of many writers and one reader, as the payload of a region of kind "mpsc", or anywhere in a region.
 *
 *    0 +--------------------------------------------+
 *      | tail, u32: units claimed                   |  the writers'
 *  128 +--------------------------------------------+
 *      | head, u32: units freed                     |  the reader's
 *  256 +--------------------------------------------+
 *      | sleeping readers, u32                      |
 *  384 +--------------------------------------------+
 *      | sleeping writers, u32 | repaired, u32      |
 *  512 +--------------------------------------------+
 *      | units | participants                       |  u32 each; these never change
 *  640 +--------------------------------------------+
 *      | participants: 128 bytes each               |  participants-layout.ts
 *      +--------------------------------------------+
 *      | states: one u32 for each unit              |
 *      +--------------------------------------------+
 *      | units: a power of two of them, 64 bytes each
 *      +--------------------------------------------+
 *
 *   state:  31                     10 9           2 1 0
 *   FREE    | lap: position of its first unit         0 |
 *   CLAIMED | length in bytes        | participant  | 1 |
 *   FULL    | length in bytes        | participant  | 2 |
 *   SKIPPED | units                                 | 3 |
 *
 * A record takes whole units and never wraps; the state of its first unit is the record's, those of the others stay FREE.
 * Positions count units modulo 2^32; position p is unit `p & (units - 1)`. A writer claims the unit at tail, by
 * compareExchange from FREE in the lap of that very position: so the claim names its owner and its length from its first
 * moment on, and a writer that has slept over any number of laps cannot take a unit that has moved on. Tail only follows: who
 * finds the unit at tail claimed moves tail on, whoever claimed it. A record that does not fit before the end is preceded by a
 * SKIPPED one. The reader, done with a record, makes its units FREE in the next lap, the first one last; head follows
 * in batches, and nobody looks at a unit a lap ahead of head: its state is of the lap before.
 *
 * What a death leaves: of a writer, one CLAIMED record: it becomes SKIPPED, by whoever proves the death
 * (participants-layout.ts), and is counted in "repaired". It was never sent. Of the reader, which has an exclusive lock on the first
 * byte of head, a record that it had not freed: the next reader reads it again. What it had freed beyond head is FREE
 * in the next lap, unit by unit: the next reader steps over it.
 *
 * Source: Agrona's ManyToOneRingBuffer (claims, padding), Vyukov's bounded MPMC queue (the lap in the state). States are apart from the
 * payload, because what a stale writer takes for a state must never be somebody's message. Normative: docs/wire-formats/mpsc.md.
 */
import { IpcError } from '@ipc/core';
import { isParticipantCount, LINE_BYTES } from './participants-layout.ts';

export const mpscKind = 'mpsc';

/** Words from the start of the ring. */
export const TAIL = 0;
export const HEAD = 32;
export const SLEEPING_READERS = 64;
export const SLEEPING_WRITERS = 96;
export const REPAIRED = 97;
export const UNITS = 128;
const PARTICIPANTS = 129;
export const PARTICIPANTS_AT = 160;

const UNIT_BYTES = 64;
export const UNIT_SHIFT = 6;

export const FREE = 0;
export const CLAIMED = 1;
export const FULL = 2;
export const SKIPPED = 3;
export const PHASE_MASK = 3;

export const OWNER_SHIFT = 2;
export const OWNER_MASK = 0xff;
export const LENGTH_SHIFT = 10;
const MAX_LENGTH: number = 2 ** 22 - 1;

const MIN_CAPACITY_BYTES: number = 2 ** 11;
const MAX_CAPACITY_BYTES: number = 2 ** 27;

/** What a ring is made of. */
export interface MpscShape {
  /** Room for messages: a power of two in 2 KiB..128 MiB. A message takes its length, rounded up to 64. */
  readonly capacityBytes: number;
  /** How many may take part at once, 2..255; each takes 128 bytes. @default 64 */
  readonly participants?: number | undefined;
}

/** How many bytes a ring takes: `capacityBytes`, 4 for every 64 of them, 128 per participant, and 640. @throws {RangeError} A bad shape. */
export function mpscBytes({ capacityBytes, participants = 64 }: MpscShape): number {
  if (!isCapacity(capacityBytes)) {
    throw new RangeError(`capacityBytes must be a power of two in 2^11..2^27, got ${capacityBytes}`);
  }
  if (!isParticipantCount(participants)) {
    throw new RangeError(`participants must be an integer in 2..255, got ${participants}`);
  }
  return PARTICIPANTS_AT * 4 + participants * LINE_BYTES + (capacityBytes >>> UNIT_SHIFT) * (UNIT_BYTES + 4);
}

/** The shape that the words of a ring say. @throws {IpcError} ERR_IPC_CORRUPT. */
export function readShape(
  words: Int32Array,
  at: number,
  label: string,
): { readonly capacityBytes: number; readonly participants: number } {
  const capacityBytes = Atomics.load(words, at + UNITS) * UNIT_BYTES;
  const participants = Atomics.load(words, at + PARTICIPANTS);
  if (!isCapacity(capacityBytes) || !isParticipantCount(participants)) {
    throw new IpcError('ERR_IPC_CORRUPT', `${label} is no ring of many writers, or damaged`);
  }
  return { capacityBytes, participants };
}

/** So that room for the largest message comes up before the ring is empty. */
export function maxMessageBytesOf(capacityBytes: number): number {
  return Math.min(capacityBytes / 4, MAX_LENGTH);
}

/** Units that a message takes. */
export function unitsOf(length: number): number {
  return length === 0 ? 1 : (length + UNIT_BYTES - 1) >>> UNIT_SHIFT;
}

/** Units that a record takes, as its state says, which is not FREE. */
export function unitsIn(state: number): number {
  return (state & PHASE_MASK) === SKIPPED ? state >>> OWNER_SHIFT : unitsOf(state >>> LENGTH_SHIFT);
}

function isCapacity(bytes: number): boolean {
  return bytes >= MIN_CAPACITY_BYTES && bytes <= MAX_CAPACITY_BYTES && Number.isInteger(Math.log2(bytes));
}
