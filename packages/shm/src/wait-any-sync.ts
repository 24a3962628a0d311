import { SlotSleep } from './slot-sleep.ts';

/** Of a source that a thread can block for, beside others. */
export interface BlockingWait {
  readonly sleep: SlotSleep;
  /** Whether there is something, or will be nothing any more. */
  isReady(): boolean;
  /** Called before the thread blocks. */
  beforeSleep(): void;
  /** Gives what there is to those who wait on the event loop. */
  serve(): void;
}

/** What {@link waitAnySync} can wait for: a `Subscriber`, `Consumer`, `MpscReceiver`, `LoanReceiver` or `LatestReader`. */
export interface BlockingSource {
  /**
   * @internal
   * @throws {IpcError} ERR_IPC_CLOSED; ERR_IPC_LIMIT for a latest value, when as many readers as there are `participants` wait already.
   */
  blockingWait(): BlockingWait;
}

/**
 * Blocks this thread until one of several sources has something: `waitAny` for threads without an event loop.
 *
 * Nothing is taken out of any of them: go on with `tryReceive`, `tryBorrow` or `read`. A source whose memory was found to be
 * damaged is ready too, as `receive` tells. Of several that are ready one is named, as a rule the first in the list: to be
 * fair to all, put the one just served last. Those who wait for the same source on the event loop come first.
 *
 * No wake-up is lost: every source is announced as asleep, and looked at after that, before the thread sleeps in one poll(2) for the bells
 * of all. Who changes one of them later rings, and a bell that was rung stays readable. A process killed in the middle of a change
 * is heard of in the same poll, by its own bell, and what it left in the way is repaired.
 *
 * @param timeoutMs - 0 looks once, -1 waits for ever.
 * @returns The index of a source that is ready; `undefined` when the time is over.
 * @throws {RangeError} No sources. @throws {IpcError} ERR_IPC_CLOSED: a source was closed; ERR_IPC_LIMIT, as {@link BlockingSource}.
 * Thread: that of the sources. Cost: no spin; two system calls per source that is not ready, and one for each participant's
 * bell that was not known yet. Source: poll(2), fifo(7); futex_waitv(2) would need Linux 5.16, and tell of no death.
 */
export function waitAnySync(
  sources: readonly BlockingSource[],
  { timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {},
): number | undefined {
  if (sources.length === 0) throw new RangeError('waitAnySync needs at least one source');
  const waits = sources.map((source) => source.blockingWait());
  const sleeps = waits.map(({ sleep }) => sleep);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    for (const wait of waits) wait.beforeSleep();
    const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - performance.now());
    const woken = SlotSleep.blockAny(sleeps, left);
    if (woken === undefined) return undefined;
    const index = sleeps.indexOf(woken);
    waits[index]?.serve();
    if (woken.damage !== undefined || waits[index]?.isReady() === true) return index;
  }
}
