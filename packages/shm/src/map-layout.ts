/**
 * A hash map of fixed-size keys and values, as the payload of a region of kind "map".
 *
 *     0 +----------+----------+------------+----------+-------------------+------+
 *       | capacity | keyBytes | valueBytes | segments | slots per segment | seed |   u32 each
 *   128 +----------+----------+------------+----------+-------------------+------+
 *       | owners (owner.ts): 256 words of those who write                        |
 *  1152 +------------------------------------------------------------------------+
 *       | segments, 128 bytes each:  | lock | epoch | count | repairs |   u32 each
 *       +------------------------------------------------------------------------+
 *       | slots of segment 0, slots of segment 1, ...                            |
 *       +------------------------------------------------------------------------+
 *
 *   slot: | state, u32 | unused, u32 | key | value A | value B |    key and values padded with zeros to multiples of 8
 *   state: version << 2 | status (0 EMPTY, 1 LIVE, 2 DELETED); an odd version's value is B
 *
 * A key belongs to one segment, and there to the first free slot from its home on (linear probing, within the segment).
 * Writers of a segment take turns: its lock is 0 or its owner's identity. A new value is written beside the old one
 * and becomes valid with one store, of state. So readers need no lock: they load state, copy, and load state again.
 *
 * A deleted slot is filled at once with the next entry that may stand there, whose own slot is then the hole, until
 * nothing follows: there are no tombstones to search through. A move makes the copy LIVE, adds 1 to epoch, and only
 * then deletes the original: a reader that found nothing looks again if epoch has changed.
 *
 * What the death of a lock's owner leaves, for the next writer, who proves the death and takes the lock over:
 *   before state is stored    nothing: what was written is in no valid value
 *   before count is stored    a count that is off by one: it is counted anew
 *   in the middle of a move   the same entry in two slots: the later one of its probe sequence is deleted
 *   with a hole not filled    a DELETED slot, over which readers step: it is filled
 * Who dies while repairing leaves the same to the next.
 *
 * Source: Knuth, TAOCP 3, 6.4, algorithm R (deletion with linear probing); seqlocks. Normative: docs/wire-formats/map.md.
 */
import { OWNERS_BYTES } from './owner.ts';

/** Words of the payload. */
export const CAPACITY = 0;
export const KEY_BYTES = 1;
export const VALUE_BYTES = 2;
export const SEGMENTS = 3;
export const SEGMENT_SLOTS = 4;
export const SEED = 5;

export const OWNERS_AT = 128;
export const SEGMENTS_AT: number = OWNERS_AT + OWNERS_BYTES;
export const SEGMENT_WORDS = 32;

/** Words of a segment. */
export const LOCK = 0;
export const EPOCH = 1;
export const COUNT = 2;
export const REPAIRS = 3;

/** Words of a slot. */
export const STATE = 0;
export const KEY = 2;

export const EMPTY = 0;
export const LIVE = 1;
export const DELETED = 2;
export const STATUS_MASK = 3;
/** Added to a state, this is the next version. */
export const VERSION = 4;

export const mapKind = 'map';

export interface MapShape {
  readonly capacity: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

/** How a map of this shape is laid out. */
export interface MapGeometry extends MapShape {
  readonly segments: number;
  readonly segmentSlots: number;
  /** In words. */
  readonly keyWords: number;
  readonly valueWords: number;
  readonly slotWords: number;
  /** Where the slots start, as a word. */
  readonly slotsAt: number;
  /** Of the whole payload. */
  readonly bytes: number;
}

/**
 * Twice as many slots as entries, in up to 64 segments of at least 64 entries each on average: then a segment fills
 * up before the map does less than once in 10^12 maps.
 *
 * @throws {RangeError} A shape out of range.
 */
export function mapGeometry({ capacity, keyBytes, valueBytes }: MapShape): MapGeometry {
  check('capacity', capacity, 2 ** 20);
  check('keyBytes', keyBytes, 1024);
  check('valueBytes', valueBytes, 2 ** 20);
  const segments = Math.min(64, 2 ** Math.floor(Math.log2(Math.max(1, capacity / 64))));
  const segmentSlots = 2 * Math.ceil(capacity / segments) + 2;
  const keyWords = Math.ceil(keyBytes / 8) * 2;
  const valueWords = Math.ceil(valueBytes / 8) * 2;
  const slotWords = KEY + keyWords + 2 * valueWords;
  const slotsAt = (SEGMENTS_AT >> 2) + segments * SEGMENT_WORDS;
  const bytes = 4 * (slotsAt + segments * segmentSlots * slotWords);
  if (bytes > 2 ** 32) throw new RangeError(`the map would take ${bytes} bytes; at most 2^32 are supported`);
  return {
    capacity,
    keyBytes,
    valueBytes,
    segments,
    segmentSlots,
    keyWords,
    valueWords,
    slotWords,
    slotsAt,
    bytes,
  };
}

function check(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new RangeError(`${name} must be an integer in 1..${max}, got ${value}`);
  }
}
