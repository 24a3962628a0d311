/**
 * Messages copied out of shared memory, into memory of their own.
 *
 * They are cut from slabs, as Node's own small buffers are: a view of memory that is there costs a tenth of a new
 * ArrayBuffer, of 64 KiB a third. Up to 256 bytes, copying word by word beats `TypedArray.set`, which needs a view of
 * the source first.
 */
/** Beyond, memory of its own. */
const SLAB_MESSAGE_MAX_BYTES: number = (128 << 10) - 1;
/** Of messages below 4 KiB; of larger ones sixteen times their size at most, as one that is kept for long keeps its slab. */
const SMALLEST_SLAB_BYTES = 64 << 10;
const SLAB_SIZES = 6;
const WORDS_MAX_BYTES = 256;

/** Memory that many messages share. */
export class Slab {
  readonly buffer: ArrayBufferLike;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Where the next copy starts: a multiple of 8, moved by whoever puts one there. */
  used = 0;

  constructor(bytes: number) {
    this.bytes = unzeroed(bytes);
    this.buffer = this.bytes.buffer;
    this.words = new Int32Array(this.buffer);
  }
}

const slabs: Slab[] = Array.from({ length: SLAB_SIZES }, () => new Slab(0));

/** A slab with room for `bytes`, below 128 KiB. */
export function slabFor(bytes: number): Slab {
  const size = 20 - Math.clz32(bytes | 0xfff); // by powers of two, from 4 KiB on
  const slab = slabs[size] as Slab;
  if (slab.used + bytes <= slab.bytes.length) return slab;
  return (slabs[size] = new Slab(Math.max(SMALLEST_SLAB_BYTES, (SMALLEST_SLAB_BYTES >> 1) << size)));
}

/** Memory to copy from: the same bytes under both views. */
export interface CopySource {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** `bytes[offset, offset + length)`, where the source can tell that quicker than `bytes`, whose `buffer` is a slow question. */
  view?(offset: number, length: number): Uint8Array;
}

/** Copies the payload of a record, `source.bytes[offset, offset + length)`; the caller has checked it. */
export function ownedCopy(source: CopySource, offset: number, length: number): Uint8Array {
  if (length > SLAB_MESSAGE_MAX_BYTES) {
    const copy = unzeroed(length);
    copy.set(viewOf(source, offset, length));
    return copy;
  }
  const slab = slabFor(length);
  const { buffer, bytes, words, used } = slab;
  slab.used = (used + length + 7) & ~7;
  if (length <= WORDS_MAX_BYTES) copyWords(source.words, offset >> 2, words, used >> 2, length);
  else bytes.set(viewOf(source, offset, length), used);
  return new Uint8Array(buffer, used, length);
}

function viewOf(source: CopySource, offset: number, length: number): Uint8Array {
  return source.view?.(offset, length) ?? view(source.bytes, offset, length);
}

/** Copies `length` bytes by pairs of words, from and to word indices: payloads are padded to 8 bytes, in the ring and in the slab. */
export function copyWords(
  from: Int32Array,
  source: number,
  to: Int32Array,
  target: number,
  length: number,
): void {
  const end = source + (((length + 7) >> 3) << 1);
  let at = target;
  let next = source;
  for (; next + 4 <= end; next += 4, at += 4) {
    to[at] = from[next] as number;
    to[at + 1] = from[next + 1] as number;
    to[at + 2] = from[next + 2] as number;
    to[at + 3] = from[next + 3] as number;
  }
  if (next < end) {
    to[at] = from[next] as number;
    to[at + 1] = from[next + 1] as number;
  }
}

/** A view of part of `bytes`; cheaper than `subarray`, which looks up a species. */
export function view(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length);
}

/** Memory that is overwritten at once. */
export function unzeroed(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}
