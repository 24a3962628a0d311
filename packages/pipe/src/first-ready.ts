import { onAbort } from '@ipc/core';
import { watch, type Watch } from '@ipc/native';

/** A descriptor and what to wait for: READABLE, WRITABLE, or DISCONNECT for nothing but its failure. */
export interface Wanted {
  readonly fd: number;
  readonly events: number;
}

/**
 * Resolves with the first of `wanted` that is ready or has failed. The descriptors stay the caller's.
 *
 * An abort rejects with `signal.reason`. No other watch of this thread may wait for the same descriptors.
 */
export function firstReady<W extends Wanted>(wanted: readonly W[], signal?: AbortSignal): Promise<W> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const watches: Watch[] = [];
    const stop = (): void => {
      for (const each of watches) each.close();
      forget?.();
    };
    const forget =
      signal &&
      onAbort(signal, () => {
        stop();
        reject(signal.reason as Error); // or whatever it is
      });
    try {
      for (const each of wanted) {
        const one = watch(each.fd, () => {
          stop();
          resolve(each);
        });
        watches.push(one);
        one.update(each.events);
      }
    } catch (error) {
      stop();
      throw error;
    }
  });
}
