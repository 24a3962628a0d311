import { isSlabbed, slabFor, unzeroed } from '@ipc/core';

/** Up to here, copying word by word beats `TypedArray.set`, which needs a view of the source first. */
const WORDS_MAX_BYTES = 256;

/** Memory to copy from: the same bytes under both views. */
export interface CopySource {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** `bytes[offset, offset + length)`, where the source can tell that quicker than `bytes`, whose `buffer` is a slow question. */
  view?(offset: number, length: number): Uint8Array;
}

/** Copies the payload of a record, `source.bytes[offset, offset + length)`, out of shared memory; the caller has checked it. */
export function ownedCopy(source: CopySource, offset: number, length: number): Uint8Array {
  if (!isSlabbed(length)) {
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
