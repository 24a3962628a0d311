import { IpcError } from '@ipc/core';
import { futexWait } from '@ipc/native';
import type { Owner } from './owner.ts';

/** Looks before the first doubt: some 20 µs, a hundred times what an owner needs. */
const looks = 500;
/** Pauses between looks at an owner that lives and yet keeps the lock: it was stopped, or has no CPU. */
const firstPauseMs = 0.02;
const longestPauseMs = 1;

/**
 * Takes a lock word, which is 0 or its owner's identity, by waiting on this thread; the owner's death hands it over.
 *
 * @param name - Of the structure, for the error. @returns Whether the last owner died: what it changed may be half done.
 * @param owner - Who never takes it twice.
 * @throws {IpcError} ERR_IPC_LIMIT when a living owner keeps it for `timeoutMs`; ERR_IPC_CORRUPT: the owner has it, and did not take it.
 * Cost: one atomic instruction, uncontended.
 */
export function acquire(
  words: Int32Array,
  word: number,
  owner: Owner,
  timeoutMs: number,
  name: string,
): boolean {
  const me = owner.identity;
  let deadline = 0;
  let pauseMs = firstPauseMs;
  for (let look = 0; ; look++) {
    const holder = Atomics.compareExchange(words, word, 0, me);
    if (holder === 0) return false;
    if (holder === me)
      throw new IpcError('ERR_IPC_CORRUPT', `"${name}" is damaged: it is locked in the name of the caller`, {
        name,
      });
    if (look < looks) continue;
    if (!owner.isAlive(holder)) {
      if (Atomics.compareExchange(words, word, holder, me) === holder) return true;
      continue;
    }
    const now = performance.now();
    deadline ||= now + timeoutMs;
    if (now >= deadline) {
      throw new IpcError(
        'ERR_IPC_LIMIT',
        `"${name}" is being changed by somebody who lives and has not finished for timeoutMs, which is ${timeoutMs}: ` +
          'is that process stopped? Continue or kill it, or open with a larger timeoutMs',
        { name },
      );
    }
    futexWait(words, word, holder, Math.min(pauseMs, deadline - now));
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }
}

/** Gives the lock back. */
export function release(words: Int32Array, word: number): void {
  Atomics.exchange(words, word, 0);
}
