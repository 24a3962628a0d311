import type { WaitOptions } from './channel.ts';

/** What can be waited for without consuming anything, such as a `Receiver`. */
export interface Waitable {
  ready(options?: WaitOptions): Promise<unknown>;
}

/**
 * Waits on the event loop for the first of several sources, of whatever mechanism: receivers, channels, subscribers, and anything
 * else with a `ready` that takes a signal and consumes nothing.
 *
 * Nothing is taken out of any of them: go on with `tryReceive` or `drain`. The end of a source (C5, C7) makes it ready too, for
 * good: leave it out once `receive` has told. Of several that are ready one is named, as a rule the first in the list: to be fair
 * to all, put the one just served last.
 *
 * @returns The index of a source that is ready.
 * @throws {RangeError} No sources. {@link IpcError} ERR_IPC_CLOSED: a source was closed here. `signal.reason` on abort.
 * Cost: a promise and an abort listener per source.
 */
export async function waitAny(sources: readonly Waitable[], { signal }: WaitOptions = {}): Promise<number> {
  if (sources.length === 0) throw new RangeError('waitAny needs at least one source');
  signal?.throwIfAborted();
  const rest = new AbortController();
  const either = signal === undefined ? rest.signal : AbortSignal.any([signal, rest.signal]);
  try {
    return await Promise.race(
      sources.map(async (source, index) => {
        await source.ready({ signal: either });
        return index;
      }),
    );
  } finally {
    rest.abort();
  }
}
