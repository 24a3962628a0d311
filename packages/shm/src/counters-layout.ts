/**
 * Named 64-bit counters, as the payload of a region of kind "counters".
 *
 *     0 +-------------------+
 *       | capacity, u32     |
 *   128 +-------------------+---------------------------------------------------+
 *       | directory: `capacity` words, u32; slot + 1 in the order of claiming, 0 behind the last; rounded up to 128 |
 *       +-----------------------------------------------------------------------+
 *       | capacity + 16 slots of 256 bytes                                      |
 *       +-----------------------------------------------------------------------+
 *
 *   slot:   0 | value, i64 | unused                                             |  everybody adds here
 *         128 | type, u32 | name length, u32 | name, UTF-8, up to 112 bytes      |  written once
 *
 * A slot has a name when the directory names it. Who wants a new name takes any slot that the directory does not name, by
 * an exclusive lock on byte 16 + slot of the file; writes it; and links it with one compare-exchange at the end of the
 * directory, having compared every name before. So a name comes into being in one step, once. Who is stopped on the
 * way holds nobody up, and who dies leaves an unlinked slot whose lock the kernel has dropped: free again. The
 * spare slots are for those who are on the way at the same time.
 *
 * Values have two cache lines of their own: counting in one never slows another down.
 * Source: Agrona's CountersManager (values and metadata apart). Normative: docs/wire-formats/counters.md.
 */
export const CAPACITY = 0;
export const DIRECTORY_AT = 128;
export const SLOT_BYTES = 256;
export const SPARE_SLOTS = 16;
/** In a slot. */
export const TYPE_AT = 128;
export const NAME_LENGTH_AT = 132;
export const NAME_AT = 136;
export const MAX_NAME_BYTES = 112;
/** Of the file: slot s is claimed by a lock on this byte plus s. */
export const CLAIM_LOCK_BYTE = 16;

export const countersKind = 'counters';
export const types = { counter: 1, gauge: 2 } as const;
export type CounterType = keyof typeof types;

/** Where the slots start. */
export function slotsAt(capacity: number): number {
  return DIRECTORY_AT + Math.ceil((capacity * 4) / 128) * 128;
}

/** Bytes of the region's payload. */
export function countersBytes(capacity: number): number {
  return slotsAt(capacity) + (capacity + SPARE_SLOTS) * SLOT_BYTES;
}

/** Checks a capacity and returns it. @throws {RangeError} Not in 1..2^20. */
export function checkCounters(capacity: number): number {
  if (!Number.isInteger(capacity) || capacity < 1 || capacity > 2 ** 20) {
    throw new RangeError(`capacity must be an integer in 1..2^20, got ${capacity}`);
  }
  return capacity;
}
