import { IpcError } from '@ipc/core';
import type { ParticipantTable } from './participant.ts';
import { LINE_BYTES } from './participants-layout.ts';
import type { Region } from './region.ts';

/**
 * The latest value of something: one writer, any readers, as the payload of a region of kind "latest".
 *
 *    0 +---------------------------------+-----------------------+--------------+
 *      | sequence, u32: values published | largest value, u32    | participants |   u32; bytes; u32
 *  128 +---------------------------------+-----------------------+--------------+
 *      | sleepers, u32: readers that wait on the futex that sequence is         |
 *      | sleeping readers, u32: whether one may wait for its bell, sleepers.ts  |
 *  256 +------------------------------------------------------------------------+
 *      | four slots, each of 8 + largest value bytes, rounded up to 128         |
 *      +------------------------------------------------------------------------+
 *      | participants: 128 bytes each, those readers that wait on an event loop |   participants-layout.ts
 *      +------------------------------------------------------------------------+
 *
 *   slot: | sequence, u32 | length, u32 | payload |
 *
 * Value number s (the first is 1; 0 is left out) is written to slot s & 3 and then published by storing s to sequence. A reader loads
 * sequence, copies that slot, and loads sequence again: while it is at most two further, the writer cannot have come
 * back to that slot. So a writer that is stopped or dies in the middle of a value holds nobody up: it was writing
 * another slot. The next writer writes that slot anew.
 *
 * The writer holds an exclusive lock on byte 1 of the region's file: the kernel's proof that there is one, and one only.
 * Source: Lamport's "Concurrent reading and writing" (1977); the seqlock of Linux, with several slots.
 * Normative: docs/wire-formats/latest.md.
 */
export const SEQUENCE = 0;
const MAX_BYTES = 1;
const PARTICIPANTS = 2;
export const SLEEPERS = 32;
export const SLEEPING_READERS = 33;
export const SLOTS_AT = 256;
export const SLOT_HEADER_BYTES = 8;
export const SLOTS = 4;
/** How far the writer may have come while a reader copied. */
export const SAFE_LEAD: number = SLOTS - 2;
export const WRITER_LOCK_BYTE = 1;

export const latestKind = 'latest';

/** Bytes of one slot. */
export function slotBytes(maxBytes: number): number {
  return Math.ceil((SLOT_HEADER_BYTES + maxBytes) / 128) * 128;
}

/** What never changes. */
export interface LatestShape {
  /** Largest value. */
  readonly maxBytes: number;
  /** Readers that may wait on an event loop at the same time. */
  readonly participants: number;
}

/** Bytes of the region's payload. @throws {RangeError} `maxBytes` is not in 1..2^28, `participants` not in 0..255. */
export function latestBytes({ maxBytes, participants }: LatestShape): number {
  if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes > 2 ** 28) {
    throw new RangeError(`maxBytes must be an integer in 1..2^28, got ${maxBytes}`);
  }
  if (!Number.isInteger(participants) || participants < 0 || participants > 255) {
    throw new RangeError(`participants must be an integer in 0..255, got ${participants}`);
  }
  return SLOTS_AT + SLOTS * slotBytes(maxBytes) + participants * LINE_BYTES;
}

export function writeShape(words: Int32Array, { maxBytes, participants }: LatestShape): void {
  words[MAX_BYTES] = maxBytes;
  words[PARTICIPANTS] = participants;
}

/** @throws {IpcError} ERR_IPC_CORRUPT when the region does not have the size that its own words say. */
export function readShape(region: Region): LatestShape {
  const maxBytes = Atomics.load(region.words, MAX_BYTES);
  const participants = Atomics.load(region.words, PARTICIPANTS);
  const name = region.name ?? '';
  try {
    if (latestBytes({ maxBytes, participants }) === region.bytes) return { maxBytes, participants };
  } catch {
    // out of range, so it is damaged
  }
  throw new IpcError(
    'ERR_IPC_CORRUPT',
    `latest value "${name}": ${region.bytes} bytes do not hold values of ${maxBytes} and ${participants} participants`,
    { name },
  );
}

/** The readers that wait on an event loop. Nothing that they leave has to be repaired. */
export function waitersOf(region: Region, { maxBytes, participants }: LatestShape): ParticipantTable {
  const at = latestBytes({ maxBytes, participants: 0 }) >> 2;
  return { region, at, capacity: participants, repair: () => undefined };
}
