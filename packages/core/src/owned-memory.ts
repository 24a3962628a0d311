/**
 * Memory for messages that are their receiver's for ever.
 *
 * Messages below 128 KiB are cut from slabs, as Node's own small buffers are: a view of memory that is there costs a
 * tenth of a new ArrayBuffer, of 64 KiB a third. A message that is kept for long keeps its slab, which is 64 KiB or
 * sixteen times the message, whichever is more. Transferring the buffer of one message to a worker would take all others
 * away, so slabs are not transferred, as Node's pool is not: that throws a DataCloneError, in Node 20 copies the slab. A larger
 * message has a buffer of its own, which may be transferred.
 */
import { markAsUntransferable } from 'node:worker_threads';

const SLAB_MESSAGE_MAX_BYTES: number = (128 << 10) - 1;
/** For messages below 8 KiB. */
const SMALLEST_SLAB_BYTES = 64 << 10;
const SLAB_SIZES = 6;
/** What V8 keeps on its own heap needs no slab. */
const ON_HEAP_BYTES = 64;

/** Memory that many messages share. */
class Slab {
  readonly buffer: ArrayBufferLike;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** Where the next message starts: a multiple of 8, moved by whoever puts one there. */
  used = 0;

  constructor(bytes: number) {
    this.bytes = unzeroed(bytes);
    this.buffer = this.bytes.buffer;
    this.words = new Int32Array(this.buffer);
    markAsUntransferable(this.buffer);
  }
}

const slabs: Slab[] = Array.from({ length: SLAB_SIZES }, () => new Slab(0));

/** Whether messages of so many bytes are cut from slabs. */
export function isSlabbed(bytes: number): boolean {
  return bytes <= SLAB_MESSAGE_MAX_BYTES;
}

/** A slab with room for `bytes`, of which `isSlabbed` is true. */
export function slabFor(bytes: number): Slab {
  const size = 20 - Math.clz32(bytes | 0xfff); // by powers of two, from 4 KiB on
  const slab = slabs[size] as Slab;
  if (slab.used + bytes <= slab.bytes.length) return slab;
  return (slabs[size] = new Slab(Math.max(SMALLEST_SLAB_BYTES, (SMALLEST_SLAB_BYTES >> 1) << size)));
}

/** Memory for one message, not zeroed: for the caller to fill before anybody sees it. */
export function ownedMemory(bytes: number): Uint8Array {
  if (!isSlabbed(bytes)) return unzeroed(bytes);
  const slab = slabFor(bytes);
  const { used } = slab;
  slab.used = (used + bytes + 7) & ~7;
  return new Uint8Array(slab.buffer, used, bytes);
}

/** A copy of `source[start, end)`: what `slice` gives, in a fraction of the time where that would make an ArrayBuffer. */
export function ownedSlice(source: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start <= ON_HEAP_BYTES) return source.slice(start, end);
  const copy = ownedMemory(end - start);
  copy.set(source.subarray(start, end));
  return copy;
}

/** Memory of its own, not zeroed: for the caller to fill before anybody sees it. */
export function unzeroed(bytes: number): Uint8Array {
  if (bytes > SMALLEST_SLAB_BYTES) keepFreedMemory();
  return allocate(bytes);
}

function allocate(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}

/** The largest block that teaches glibc anything (DEFAULT_MMAP_THRESHOLD_MAX), less its header. */
const LARGEST_LESSON_BYTES: number = (32 << 20) - (64 << 10);
let isKept = false;

/**
 * Makes the C library keep memory that messages gave back, up to 64 MiB, instead of returning it to the kernel at once.
 *
 * Out of the box glibc returns what is free at the end of its heap beyond 128 KiB. With every collection that is all the
 * messages there were, and faulting 16 pages in again takes four times as long as copying 64 KiB there. Once a
 * larger block has been freed, it expects more of the kind: it keeps twice that block's size from then on, and takes
 * blocks up to that size from its heap (M_MMAP_THRESHOLD in mallopt(3)). So one is taken that nobody touches, and left to
 * the collector; it never costs a page. Other C libraries learn nothing by it.
 */
function keepFreedMemory(): void {
  if (isKept) return;
  isKept = true;
  try {
    allocate(LARGEST_LESSON_BYTES);
  } catch {
    // Not even address space is left (RLIMIT_AS): then nothing should be kept.
  }
}
