/**
 * A single-producer single-consumer ring of records, as bytes.
 *
 *      0 +--------------------------------------------+
 *        | head, u32: bytes written                   |  the writer's line
 *    128 +--------------------------------------------+
 *        | tail, u32: bytes read | reader closed, u32 |  the reader's line
 *    256 +--------------------------------------------+
 *        | reader sleeps, u32 | writer closed, u32    |  the reader sets the first, the writer takes it back
 *    320 +--------------------------------------------+
 *        | writer waits, u32 (bytes of room it needs) |  the writer sets it, the reader takes it back
 *    384 +--------------------------------------------+
 *        | records: `capacity` bytes, a power of two  |
 *        +--------------------------------------------+
 *
 *   record, at a multiple of 8:  | length, u32 | type, u32 | payload, `length` bytes | 0-7 unused |
 *
 * Positions count bytes modulo 2^32 and only grow; `position & (capacity - 1)` is the place. A record never wraps:
 * where it does not fit before the end, a record of type PADDING fills the rest. The writer stores head (release)
 * behind the records it covers, once for a whole batch; the reader stores tail behind what it has copied out. Each
 * keeps the other's last seen position and looks again only when that one does not suffice. A message that is large
 * beside the ring follows a BEGIN record, which has its length (u32) as payload, in PIECE records, up to that length. Head and tail are two
 * cache lines apart because processors prefetch lines in pairs.
 *
 * What a death leaves: records behind head were never sent. Records between tail and head that the dead reader had
 * consumed are simply still there. Neither side needs repair; both end with the connection.
 *
 * Source: Rigtorp's SPSCQueue (cached positions), Agrona's OneToOneRingBuffer (records, padding). Normative:
 * docs/wire-formats/ring.md.
 */
import { IpcError } from '@ipc/core';

/** Indices of the control words. */
export const HEAD = 0;
export const TAIL = 32;
export const READER_CLOSED = 33;
export const READER_SLEEPS = 64;
export const WRITER_CLOSED = 65;
export const WRITER_WAITS = 80;

/** What _closed_ says, else 0: this side is over; or, of a writer, nothing follows here though he goes on reading elsewhere. */
export const CLOSED = 1;
export const ENDED = 2;

export const CONTROL_BYTES = 384;
export const RECORD_HEADER_BYTES = 8;

/** Types of records. Zero is none: fresh memory is no record. */
export const DATA = 1;
export const PADDING = 2;
export const BEGIN = 3;
export const PIECE = 4;

/** Positions are compared by their signed 32-bit difference. */
const MAX_CAPACITY_BYTES: number = 2 ** 30;
const MIN_CAPACITY_BYTES = 64;

/** A header, and up to the next multiple of 8. Not exported: V8 loads an exported constant from memory at every use. */
const HEADER_AND_UNUSED_BYTES = 15;

/** Bytes of a record in the ring. */
export function recordBytes(length: number): number {
  return (length + HEADER_AND_UNUSED_BYTES) & ~7;
}

/** Bytes of a whole ring. */
export function ringBytes(capacityBytes: number): number {
  return CONTROL_BYTES + capacityBytes;
}

/** Checks a capacity and returns it. @throws {RangeError} Not a power of two in 64..2^30. */
export function checkCapacity(capacityBytes: number): number {
  if (
    !Number.isInteger(capacityBytes) ||
    capacityBytes < MIN_CAPACITY_BYTES ||
    capacityBytes > MAX_CAPACITY_BYTES ||
    (capacityBytes & (capacityBytes - 1)) !== 0
  ) {
    throw new RangeError(`capacityBytes must be a power of two in 64..2^30, got ${capacityBytes}`);
  }
  return capacityBytes;
}

/** One ring in shared memory, as the views both of its ends work on. */
export class RingMemory {
  readonly capacityBytes: number;
  readonly control: Int32Array;
  /** The records, as bytes and as words. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly #buffer: ArrayBuffer | SharedArrayBuffer;
  readonly #recordsAt: number;

  /**
   * @param offset - Where the ring starts in `buffer`: a multiple of 8, better of 128.
   * @throws {RangeError} A bad capacity, or a ring that does not fit the buffer.
   */
  constructor(buffer: ArrayBuffer | SharedArrayBuffer, offset: number, capacityBytes: number) {
    this.capacityBytes = checkCapacity(capacityBytes);
    this.control = new Int32Array(buffer, offset, CONTROL_BYTES >>> 2);
    this.#buffer = buffer;
    this.#recordsAt = offset + CONTROL_BYTES;
    this.bytes = this.view(0, capacityBytes);
    this.words = new Int32Array(buffer, this.#recordsAt, capacityBytes >>> 2);
  }

  /** The records in `bytes[offset, offset + length)`: 40 ns, where asking `bytes` for its buffer would take 60 more. */
  view(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#recordsAt + offset, length);
  }
}

/** The bytes between two positions, when the other process may have written anything there. @throws {IpcError} ERR_IPC_CORRUPT. */
export function distance(head: number, tail: number, capacityBytes: number): number {
  const used = (head - tail) | 0;
  if (used < 0 || used > capacityBytes || (used & 7) !== 0) {
    throw new IpcError(
      'ERR_IPC_CORRUPT',
      `the ring's positions are damaged: head ${head >>> 0}, tail ${tail >>> 0}`,
    );
  }
  return used;
}
