/** Sleeping on a word of shared memory, across processes. */
import { native } from './binding.ts';

/** How a `futexWait` ended. `woken` may be spurious: load the word again. */
export type FutexOutcome = 'woken' | 'changed' | 'timed-out';

/**
 * Sleeps while `words[index] === expected`, until woken. BLOCKS the thread, signals notwithstanding; a worker that
 * waits for ever cannot be terminated.
 *
 * @param words - Over a mapping, to be woken by another process.
 * @param timeoutMs - 0 looks once, -1 waits for ever; fractions count (CLOCK_MONOTONIC).
 * @returns 'changed' at once when the word has another value.
 * @throws {TypeError} `words` is not an Int32Array. @throws {RangeError} `index`, `expected`, `timeoutMs`.
 * Cost: one system call. Source: futex(2), FUTEX_WAIT_BITSET without FUTEX_PRIVATE_FLAG.
 */
export const futexWait: (
  words: Int32Array,
  index: number,
  expected: number,
  timeoutMs: number,
) => FutexOutcome = native('futexWait');

/**
 * Wakes up to `count` of those who sleep on `words[index]`, in whatever process.
 *
 * @returns How many were woken.
 * @throws {TypeError} `words` is not an Int32Array. @throws {RangeError} `index`, `count`.
 * Cost: one system call. Source: futex(2), FUTEX_WAKE.
 */
export const futexWake: (words: Int32Array, index: number, count: number) => number = native('futexWake');
