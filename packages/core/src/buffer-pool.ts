/**
 * Buffers of 64 KiB, and of 4 KiB for a few bytes, lent to streams while bytes are in flight.
 *
 * An idle connection holds none, so ten thousand idle connections cost nothing, and a busy
 * one keeps using the same warm memory.
 */
import { ownedMemory } from './owned-memory.ts';

export const POOLED_BYTES: number = 64 << 10;

/** What a stream takes until it needs more: ten thousand that send a word each in one turn take 40 MiB, not 640. */
export const SMALL_BYTES: number = 4 << 10;

/** Stands for "no buffer": no room in it, nothing in it. */
export const noBuffer: Uint8Array = new Uint8Array(0);

/** Bytes kept for reuse at most, of either size, per thread. */
const keptBytes = 4 << 20;
const free: Uint8Array[] = [];
const freeSmall: Uint8Array[] = [];

export function takeBuffer(): Uint8Array {
  return free.pop() ?? new Uint8Array(POOLED_BYTES);
}

export function takeSmallBuffer(): Uint8Array {
  return freeSmall.pop() ?? new Uint8Array(SMALL_BYTES);
}

/** The caller must not touch `buffer` afterwards. */
export function giveBuffer(buffer: Uint8Array): void {
  if (buffer === noBuffer) return;
  const list = buffer.length === SMALL_BYTES ? freeSmall : free;
  if (list.length * buffer.length < keptBytes) list.push(buffer);
}

/** The bytes of `buffer` from `start` to `end` at the start of another, which takes its place. */
export function moveBytes(buffer: Uint8Array, start: number, end: number, other: Uint8Array): Uint8Array {
  other.set(buffer.subarray(start, end));
  giveBuffer(buffer);
  return other;
}

/** Larger than this is not kept for reuse. */
const keptLargeBytes = 1 << 20;
let spareLarge = noBuffer;

/** Memory for one message, not zeroed: for the caller to fill before anybody sees it. Hand it on, or give it back. */
export function takeLarge(bytes: number): Uint8Array {
  if (spareLarge.length !== bytes) return ownedMemory(bytes);
  const large = spareLarge;
  spareLarge = noBuffer;
  return large;
}

/** Gives back what a message was only lent in: the next one of its size finds it still in the cache. One per thread is kept. */
export function giveLarge(large: Uint8Array): void {
  if (large.length <= keptLargeBytes) spareLarge = large;
}
