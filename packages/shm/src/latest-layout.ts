/**
 * The latest value of something: one writer, any readers, as the payload of a region of kind "latest".
 *
 *    0 +---------------------------------+-----------------------------------+
 *      | sequence, u32: values published | largest value in bytes, u32       |
 *  128 +---------------------------------+-----------------------------------+
 *      | sleepers, u32: readers that wait on the futex that sequence is      |
 *  256 +---------------------------------------------------------------------+
 *      | four slots, each of 8 + largest value bytes, rounded up to 128      |
 *      +---------------------------------------------------------------------+
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
export const MAX_BYTES = 1;
export const SLEEPERS = 32;
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

/** Bytes of the region's payload. */
export function latestBytes(maxBytes: number): number {
  return SLOTS_AT + SLOTS * slotBytes(maxBytes);
}

/** Checks the size of a value and returns it. @throws {RangeError} Not in 1..2^28. */
export function checkMaxBytes(maxBytes: number): number {
  if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes > 2 ** 28) {
    throw new RangeError(`maxBytes must be an integer in 1..2^28, got ${maxBytes}`);
  }
  return maxBytes;
}
