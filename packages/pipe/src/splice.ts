import { fstatSync } from 'node:fs';
import { fromErrno, type WaitOptions } from '@ipc/core';
import { READABLE, splice, WRITABLE } from '@ipc/native';
import { firstReady } from './first-ready.ts';

export interface SpliceOptions {
  /** Stop after so many. @default until the end */
  readonly bytes?: number | undefined;
}

/** Most a single call moves, so that the event loop gets its turn. */
const STEP_BYTES = 1 << 20;

/** Moves bytes between two descriptors, one of which is a pipe, waiting on the event loop for whichever is not ready. */
export async function spliceAll(
  from: number,
  to: number,
  { bytes = Infinity, signal }: SpliceOptions & WaitOptions = {},
): Promise<number> {
  if (bytes !== Infinity && (!Number.isSafeInteger(bytes) || bytes < 0))
    throw new RangeError(`bytes must be a count, got ${bytes}`);
  let moved = 0;
  while (moved < bytes) {
    signal?.throwIfAborted();
    const count = step(from, to, Math.min(bytes - moved, STEP_BYTES));
    if (count === 0) break;
    if (count > 0) {
      moved += count;
      await new Promise((resolve) => setImmediate(resolve));
    } else {
      // Which of the two blocks is not said. A file never does.
      if (awaitable(from)) await firstReady([{ fd: from, events: READABLE }], signal);
      if (awaitable(to)) await firstReady([{ fd: to, events: WRITABLE }], signal);
    }
  }
  return moved;
}

function step(from: number, to: number, bytes: number): number {
  try {
    return splice(from, to, bytes);
  } catch (error) {
    throw fromErrno(error, 'splice');
  }
}

function awaitable(fd: number): boolean {
  return !fstatSync(fd).isFile();
}
