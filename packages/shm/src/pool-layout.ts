/**
 * Chunks that are lent to a publisher, handed over without copying, and lent to a receiver: the payload of a region of kind "pool".
 *
 *     0 +------------+---------------+
 *       | chunks     | chunkBytes    |   u32 each
 *   128 +------------+---------------+
 *       | head: chunks published     |   the publisher's line; a futex
 *   256 +----------------------------+
 *       | tail: chunks taken | generation of the receiver | the receiver's line
 *   384 +----------------------------+
 *       | sleepers                   |
 *   512 +----------------------------+
 *       | state of each chunk, u32; rounded up to 128                |
 *       +------------------------------------------------------------+
 *       | ring: | chunk, u32 | length, u32 |, a power of two of them  |
 *       +------------------------------------------------------------+
 *       | up to a page boundary of the file                           |
 *       +------------------------------------------------------------+
 *       | chunks, each rounded up to 128, or to pages from 4096 on    |
 *       +------------------------------------------------------------+
 *
 *   FREE -- loan --> LOANED -- publish: into the ring --> LOANED, in the ring -- borrow --> BORROWED -- release --> FREE
 *
 *   state: 0 FREE, 1 LOANED, 2 + 4 * generation BORROWED by the receiver of that generation
 *
 * There is one publisher, which holds the exclusive lock on byte 1 of the file, and one receiver, on byte 2. There are no
 * fewer places in the ring than chunks, so that publishing never waits. A receiver marks a chunk BORROWED before it stores
 * tail: at every moment, a chunk is in the ring, or its state says whose it is.
 *
 * What a death leaves: of the publisher, LOANED chunks that are not in the ring: the next publisher frees them. What is in the
 * ring was published and stays. Of the receiver, BORROWED chunks: the next receiver, or the publisher when it runs short,
 * frees them, but for one that is still in the ring, which is LOANED again. Both may do so at once, and a receiver may
 * open meanwhile: each step is a compare-exchange from a state that names a dead generation. A generation is dead when there is
 * a later one, or nobody holds the lock on byte 2.
 *
 * Normative: docs/wire-formats/pool.md.
 */
export const CHUNKS = 0;
export const CHUNK_BYTES = 1;
export const HEAD = 32;
export const TAIL = 64;
export const GENERATION = 65;
export const SLEEPERS = 96;
export const STATES = 128;

export const FREE = 0;
export const LOANED = 1;
const BORROWED = 2;

/** The state of a chunk that the receiver of this generation has. */
export function borrowedBy(generation: number): number {
  return (generation << 2) | BORROWED;
}

export function isBorrowed(state: number): boolean {
  return (state & 3) === BORROWED;
}

export const PUBLISHER_LOCK_BYTE = 1;
export const RECEIVER_LOCK_BYTE = 2;

export const PAGE_BYTES = 4096;
/** Chunks start at a page of the file, in which the payload starts behind the region's header. */
const HEADER_BYTES = 128;

export const poolKind = 'pool';

export interface PoolGeometry {
  readonly chunks: number;
  readonly chunkBytes: number;
  /** First word of the ring, and its places. */
  readonly ring: number;
  readonly places: number;
  readonly chunksAt: number;
  readonly strideBytes: number;
  readonly bytes: number;
}

/** @throws {RangeError} Not 1..65536 chunks of 1..2^30 bytes, or more than 2^40 bytes together. */
export function poolGeometry(chunks: number, chunkBytes: number): PoolGeometry {
  check('chunks', chunks, 2 ** 16);
  check('chunkBytes', chunkBytes, 2 ** 30);
  const places = 2 ** Math.ceil(Math.log2(chunks));
  const ring = STATES + alignUp(chunks, 32);
  const chunksAt = alignUp(HEADER_BYTES + 4 * (ring + 2 * places), PAGE_BYTES) - HEADER_BYTES;
  const strideBytes = alignUp(chunkBytes, chunkBytes < PAGE_BYTES ? 128 : PAGE_BYTES);
  const bytes = chunksAt + chunks * strideBytes;
  if (bytes > 2 ** 40) throw new RangeError(`the pool would take ${bytes} bytes; at most 2^40 are supported`);
  return { chunks, chunkBytes, ring, places, chunksAt, strideBytes, bytes };
}

function alignUp(size: number, alignment: number): number {
  return Math.ceil(size / alignment) * alignment;
}

function check(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new RangeError(`${name} must be an integer in 1..${max}, got ${value}`);
  }
}
