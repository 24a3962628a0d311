/**
 * Chunks that are lent to a publisher, handed over without copying, and lent to receivers: the payload of a region of kind "pool".
 *
 *     0 +------------+---------------+---------------+
 *       | chunks     | chunkBytes    | participants  |   u32 each; these never change
 *   128 +------------+---------------+---------------+
 *       | head: chunks published     |   the publisher's
 *   256 +----------------------------+
 *       | receivers: a bit for each  |   bit n: participant n
 *   384 +----------------------------+
 *       | sleeping receivers         |   sleepers.ts
 *   512 +----------------------------+
 *       | sleeping publisher         |
 *   640 +----------------------------+
 *       | participants: 128 bytes each, at most 31                    |   participants-layout.ts
 *       +------------------------------------------------------------+
 *       | chunk headers: | holders | sequence | length |, u32 each, 64 bytes; rounded up to 128
 *       +------------------------------------------------------------+
 *       | ring: chunk numbers, u32, the least power of two of them that is more than chunks
 *       +------------------------------------------------------------+
 *       | up to a page boundary of the file                           |
 *       +------------------------------------------------------------+
 *       | chunks, each rounded up to 128, or to pages from 4096 on    |
 *       +------------------------------------------------------------+
 *
 * A chunk is free while nobody holds it: its reference count is the number of bits in "holders", one for each receiver that
 * has yet to release it. Bits instead of a number, because what a dead receiver held can be taken back exactly once,
 * however often that is tried. Bit 0 is held by nobody alive: a message that waits for the first receiver to come.
 *
 * Message number s (the first is 0, modulo 2^32) is in the chunk that place `s mod places` of the ring names, if that chunk has
 * sequence s. The publisher writes sequence and length, stores the bits of all receivers to holders, writes the ring, and
 * stores head. A receiver that comes notes head and then sets its bit in "receivers": of what lies between, it takes what
 * holds its bit. In its line, "position" is the next message that it will borrow.
 *
 * What a death leaves: of the publisher, a chunk whose sequence is head: it never was published, and the next publisher frees it.
 * Chunks it had on loan are free: nobody held them. Of a receiver, its bits: they are cleared, by whoever proves the death
 * (participants-layout.ts); what no other receiver is there for and it had not borrowed waits for the next one, under bit 0.
 *
 * Normative: docs/wire-formats/pool.md.
 */
import { LINE_WORDS } from './participants-layout.ts';

export const CHUNKS = 0;
export const CHUNK_BYTES = 1;
export const PARTICIPANTS = 2;
export const HEAD = 32;
export const RECEIVERS = 64;
export const SLEEPING_RECEIVERS = 96;
export const SLEEPING_PUBLISHER = 128;
export const PARTICIPANTS_AT = 160;

/** Words of a chunk's header. */
export const HOLDERS = 0;
export const SEQUENCE = 1;
export const LENGTH = 2;
/** A cache line for each: its receivers let go of one while the publisher writes the next. */
export const HEADER_WORDS = 16;

/** The holder of what waits for the first receiver to come. */
export const PENDING = 1;

export const PAGE_BYTES = 4096;
/** Chunks start at a page of the file, in which the payload starts behind the region's header. */
const HEADER_BYTES = 128;

export const poolKind = 'pool';

export interface PoolShape {
  readonly chunks: number;
  readonly chunkBytes: number;
  /** The publisher and its receivers. */
  readonly participants: number;
}

export interface PoolGeometry extends PoolShape {
  /** First word of the chunks' headers. */
  readonly headers: number;
  /** First word of the ring, and its places. */
  readonly ring: number;
  readonly places: number;
  readonly chunksAt: number;
  readonly strideBytes: number;
  readonly bytes: number;
}

/** @throws {RangeError} Not 1..65536 chunks of 1..2^30 bytes, or more than 2^40 bytes together; not 2..31 participants. */
export function poolGeometry({ chunks, chunkBytes, participants }: PoolShape): PoolGeometry {
  check('chunks', chunks, 1, 2 ** 16);
  check('chunkBytes', chunkBytes, 1, 2 ** 30);
  check('participants', participants, 2, 31);
  const places = 2 ** Math.ceil(Math.log2(chunks + 1));
  const headers = PARTICIPANTS_AT + participants * LINE_WORDS;
  const ring = headers + alignUp(chunks * HEADER_WORDS, 32);
  const chunksAt = alignUp(HEADER_BYTES + 4 * (ring + places), PAGE_BYTES) - HEADER_BYTES;
  const strideBytes = alignUp(chunkBytes, chunkBytes < PAGE_BYTES ? 128 : PAGE_BYTES);
  const bytes = chunksAt + chunks * strideBytes;
  if (bytes > 2 ** 40) throw new RangeError(`the pool would take ${bytes} bytes; at most 2^40 are supported`);
  return { chunks, chunkBytes, participants, headers, ring, places, chunksAt, strideBytes, bytes };
}

function alignUp(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}

function check(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer in ${min}..${max}, got ${value}`);
  }
}
