/**
 * Messages copied out of shared memory, into memory of their own.
 *
 * Small ones are cut from a slab, as Node's own buffers are: a view of existing memory costs a tenth of a new
 * ArrayBuffer. Copying by words beats `TypedArray.set` up to about a kilobyte, because `set` needs a view of the source.
 */
import type { RingMemory } from './ring-layout.ts';

const SLAB_BYTES = 32 << 10;
/** Messages up to this many bytes share slabs: a message kept for long keeps at most 32 times its own memory or so. */
const SHARED_MAX_BYTES = 1024;

let slab = new ArrayBuffer(SLAB_BYTES);
let slabWords = new Int32Array(slab);
let used = 0;

/** Copies `ring.bytes[offset, offset + length)`, checked by the caller; `offset` is a multiple of 4. */
export function ownedCopy({ bytes, words }: RingMemory, offset: number, length: number): Uint8Array {
  if (length > SHARED_MAX_BYTES) return bytes.slice(offset, offset + length);
  if (used + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    slabWords = new Int32Array(slab);
    used = 0;
  }
  const start = used;
  const from = offset >> 2;
  const to = start >> 2;
  const count = (length + 3) >> 2; // the ring's records are padded to words, and so is what is cut from the slab
  for (let i = 0; i < count; i++) slabWords[to + i] = words[from + i] as number;
  used = (start + length + 7) & ~7;
  return new Uint8Array(slab, start, length);
}
