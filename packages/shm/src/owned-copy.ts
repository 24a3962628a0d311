/**
 * Messages copied out of shared memory, into memory of their own.
 *
 * Small ones are cut from slabs, as Node's own buffers are: a view of memory that is there costs a tenth of a new
 * ArrayBuffer. Up to 256 bytes, copying word by word beats `TypedArray.set`, which needs a view of the source first.
 */
const SLAB_BYTES = 64 << 10;
/** Larger messages get memory of their own, so that one kept for long keeps at most sixteen times its size. */
const SHARED_MAX_BYTES = 4 << 10;
const WORDS_MAX_BYTES = 256;
/** From here on, not zeroing memory that is overwritten at once saves more than Node's detour to get it costs. */
const UNZEROED_MIN_BYTES = 32 << 10;

let slab = new ArrayBuffer(0);
let slabBytes = new Uint8Array(slab);
let slabWords = new Int32Array(slab);
let used = 0;

/** Memory to copy from: the same bytes under both views. */
export interface CopySource {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

/** Copies the payload of a record, `source.bytes[offset, offset + length)`; the caller has checked it. */
export function ownedCopy(source: CopySource, offset: number, length: number): Uint8Array {
  if (length > SHARED_MAX_BYTES) return copyToOwnBuffer(source.bytes, offset, length);
  if (used + length > slab.byteLength) takeSlab();
  const start = used;
  used = (start + length + 7) & ~7;
  if (length <= WORDS_MAX_BYTES) copyWords(source.words, offset >> 2, slabWords, start >> 2, length);
  else slabBytes.set(view(source.bytes, offset, length), start);
  return new Uint8Array(slab, start, length);
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

function copyToOwnBuffer(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  if (length < UNZEROED_MIN_BYTES) return bytes.slice(offset, offset + length);
  const copy = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  copy.set(view(bytes, offset, length));
  return copy;
}

/** A view of part of `bytes`; cheaper than `subarray`, which looks up a species. */
export function view(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length);
}

function takeSlab(): void {
  slab = Buffer.allocUnsafeSlow(SLAB_BYTES).buffer;
  slabBytes = new Uint8Array(slab);
  slabWords = new Int32Array(slab);
  used = 0;
}
