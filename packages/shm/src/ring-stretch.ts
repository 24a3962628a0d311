import { slabFor } from '@ipc/core';
import { LentCopy } from './lent-copy.ts';
import { view } from './owned-copy.ts';
import { DATA, RECORD_HEADER_BYTES, recordBytes, type RingMemory } from './ring-layout.ts';

// Constants of its own module are known to V8 when it compiles; those of another one it loads at every use.
const headerBytes = RECORD_HEADER_BYTES;
const dataType = DATA;

/** Copied at once, at most: more would crowd the first cache. */
const STRETCH_BYTES = 8 << 10;
/** Less is read as quickly where it is. */
const STRETCH_MIN_BYTES = 256;
/** A longer message costs more to copy than the call that copies it. */
const MESSAGE_MAX_BYTES = 1 << 10;

/**
 * A stretch of a ring's records, copied at once into memory of this process and read there.
 *
 * One `TypedArray.set` for a hundred small messages: a call for each costs more than its bytes, and a long copy has
 * many cache lines under way from the other core at a time. Whatever the other process does to the ring meanwhile
 * changes nothing here. It is a copy only: messages are consumed by the ring's tail, and who moves that elsewhere
 * has to `drop` what is left here.
 */
class Stretch {
  /** Payload bytes of the message that `next` found. */
  length = 0;
  #words: Int32Array = new Int32Array(0);
  /** What is left, as offsets into the memory of `#words`. */
  #at = 0;
  #end = 0;

  /** Steps over the next message and returns where it is; -1 when there is no whole one. */
  next(): number {
    const at = this.#at;
    const most = this.#end - at - headerBytes;
    if (most < 0) return -1;
    const word = at >> 2;
    const length = this.#words[word] as number;
    if (length < 0 || length > most || this.#words[word + 1] !== dataType) {
      this.#end = 0; // cut, padding or damage: the ring itself tells
      return -1;
    }
    this.length = length;
    this.#at = at + recordBytes(length);
    return at + headerBytes;
  }

  drop(): void {
    this.#end = 0;
  }

  /** Copies what stands at `at` of the ring. */
  protected copy(
    ring: RingMemory,
    at: number,
    length: number,
    bytes: Uint8Array,
    words: Int32Array,
    start: number,
  ): void {
    bytes.set(ring.view(at, length), start);
    this.#words = words;
    this.#at = start;
    this.#end = start + length;
  }
}

/** How much of `limit` bytes of records at `at` to copy at once; 0 where that is not worth it. */
function stretchBytes({ words }: RingMemory, at: number, limit: number): number {
  if (limit < STRETCH_MIN_BYTES || (words[at >> 2] as number) > MESSAGE_MAX_BYTES) return 0;
  return Math.min(limit, STRETCH_BYTES);
}

/** A stretch in a slab: its messages are the receiver's for ever. */
export class OwnedStretch extends Stretch {
  #buffer: ArrayBufferLike = new ArrayBuffer(0);

  fill(ring: RingMemory, at: number, limit: number): boolean {
    const length = stretchBytes(ring, at, limit);
    if (length === 0) return false;
    const slab = slabFor(length);
    this.copy(ring, at, length, slab.bytes, slab.words, slab.used);
    this.#buffer = slab.buffer;
    slab.used += length;
    return true;
  }

  /** The message that `next` found at `at`. */
  message(at: number): Uint8Array {
    return new Uint8Array(this.#buffer, at, this.length);
  }
}

/** A stretch in memory that is used again: a message is valid until the next stretch is taken. */
export class LentStretch extends Stretch {
  /** An idle connection has none. */
  #memory: LentMemory | undefined;

  fill(ring: RingMemory, at: number, limit: number): boolean {
    const length = stretchBytes(ring, at, limit);
    if (length === 0) return false;
    const { bytes, words } = (this.#memory ??= new LentMemory());
    this.copy(ring, at, length, bytes, words, 0);
    return true;
  }

  /** The message that `next` found at `at`. */
  message(at: number): Uint8Array {
    return (this.#memory as LentMemory).view(at, this.length);
  }
}

class LentMemory {
  readonly bytes: Uint8Array = new Uint8Array(STRETCH_BYTES);
  readonly words: Int32Array = new Int32Array(this.bytes.buffer);
  /** By place, in units of 8 bytes: messages of one size stand at the same places again and again. */
  readonly #views: (Uint8Array | undefined)[] = Array.from({ length: STRETCH_BYTES >> 3 }, () => undefined);
  readonly #copies = new LentCopy(this);

  view(at: number, length: number): Uint8Array {
    const known = this.#views[at >> 3];
    if (known !== undefined)
      return known.length === length
        ? known
        : (this.#copies.lend(at, length) ?? view(this.bytes, at, length));
    return (this.#views[at >> 3] = view(this.bytes, at, length));
  }
}
