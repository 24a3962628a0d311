/** Passed to the spelling that blocks the thread. */
export interface BlockOptions {
  /** How long to wait at most, in milliseconds of the monotonic clock; 0 looks once. */
  readonly timeoutMs?: number | undefined;
}

/** -1 for "for ever". @throws {RangeError} */
export function checkTimeout(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return -1;
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new RangeError(`timeoutMs must be a number of milliseconds from 0, got ${String(timeoutMs)}`);
  }
  return timeoutMs === Infinity ? -1 : timeoutMs;
}
