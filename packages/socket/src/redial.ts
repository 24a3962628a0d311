import { setTimeout as delay } from 'node:timers/promises';
import { fromErrno, peerGoneError, type Channel, type IpcError } from '@ipc/core';

export interface RedialPolicy {
  /** Pause before the first attempt, in ms; each further pause is twice as long. @default 50 */
  readonly firstDelayMs?: number | undefined;
  /** @default 5000 */
  readonly longestDelayMs?: number | undefined;
  /** Attempts in a row before the channel fails with the last error. @default no limit */
  readonly attempts?: number | undefined;
}

/**
 * The next connection after a loss, with growing pauses drawn at random from their upper half, so that many clients do not come
 * back at once.
 *
 * @param lost - Why the last connection ended.
 * @throws {IpcError} ERR_IPC_PEER_GONE, with the last failure as its cause, when the attempts are used up. @throws `signal.reason`.
 */
export async function redial(
  dial: (signal: AbortSignal) => Promise<Channel>,
  lost: IpcError,
  { firstDelayMs = 50, longestDelayMs = 5_000, attempts = Infinity }: RedialPolicy,
  signal: AbortSignal,
): Promise<Channel> {
  let failure = lost;
  let pauseMs = firstDelayMs;
  for (let attempt = 0; attempt < attempts; attempt++, pauseMs = Math.min(2 * pauseMs, longestDelayMs)) {
    try {
      await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal });
      return await dial(signal);
    } catch (error) {
      signal.throwIfAborted();
      failure = fromErrno(error, 'reconnect');
    }
  }
  throw peerGoneError(
    `the peer is gone; ${attempts} attempts to reconnect failed: ${failure.message}`,
    failure,
  );
}
