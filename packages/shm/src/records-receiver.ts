import { ReceiveHalf } from '@ipc/core';
import type { RecordsReceivePort } from './records-receive-port.ts';
import type { BlockingSource, BlockingWait } from './wait-any-sync.ts';

/** A reading end of records in shared memory: a receiver that can also block its thread. */
export abstract class RecordsReceiver extends ReceiveHalf implements BlockingSource {
  readonly #port: RecordsReceivePort;

  protected constructor(port: RecordsReceivePort) {
    super(port);
    this.#port = port;
  }

  /**
   * Takes the next message, blocking this thread until there is one.
   *
   * @param timeoutMs - -1 waits for ever. @returns `undefined` when the time is over.
   * @throws {IpcError} As `receive`. Source: poll(2).
   */
  receiveSync({ timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {}): Uint8Array | undefined {
    let deadline: number | undefined;
    for (;;) {
      const message = this.tryReceive();
      if (message !== undefined) {
        this.#port.settle();
        return message;
      }
      if (this.#port.end?.error !== undefined) throw this.#port.end.error;
      const now = performance.now();
      deadline ??= now + timeoutMs;
      if (!this.#port.block(timeoutMs < 0 ? -1 : Math.max(0, deadline - now))) return undefined;
    }
  }

  /** @internal For `waitAnySync`. */
  blockingWait(): BlockingWait {
    this.#port.assertOpen();
    return this.#port;
  }
}
