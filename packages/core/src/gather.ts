/** When what was sent leaves this process: frames that leave together cost one system call. */
import { POOLED_BYTES } from './buffer-pool.ts';

export interface GatherOptions {
  /** At the latest when so many bytes wait, 1..65536; 1 is at once, each message on its own. @default 65536 */
  readonly bytes?: number | undefined;
  /** At the latest so many ms after the first of them was sent, or when anybody flushes; 0 is the end of this turn of the event loop. @default 0 */
  readonly delayMs?: number | undefined;
}

/** {@link GatherOptions}, complete and in range. */
export interface Gather {
  readonly bytes: number;
  readonly delayMs: number;
}

/** @throws {RangeError} Out of range. */
export function checkGather({ bytes = POOLED_BYTES, delayMs = 0 }: GatherOptions = {}): Gather {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > POOLED_BYTES)
    throw new RangeError(`gather.bytes must be an integer in 1..${POOLED_BYTES}, got ${bytes}`);
  if (!(delayMs >= 0 && delayMs <= MOST_DELAY_MS))
    throw new RangeError(`gather.delayMs must be in 0..${MOST_DELAY_MS}, got ${delayMs}`);
  return { bytes, delayMs };
}

/** Whoever waits for longer wants a queue of its own. */
const MOST_DELAY_MS = 60_000;
