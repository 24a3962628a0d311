import { SendHalf } from '@ipc/core';
import type { RecordsSendPort } from './records-send-port.ts';

/** A writing end of records in shared memory: a sender that can also block its thread. */
export abstract class RecordsSender extends SendHalf {
  readonly maxMessageBytes: number;
  readonly #port: RecordsSendPort;

  protected constructor(port: RecordsSendPort) {
    super(port);
    this.#port = port;
    this.maxMessageBytes = port.maxMessageBytes;
  }

  /**
   * Sends, blocking this thread while there is no room.
   *
   * @param timeoutMs - -1 waits for ever. @returns False when the time is over: nothing was sent.
   * @throws {IpcError} As `send`. Source: poll(2).
   */
  sendSync(
    message: Uint8Array,
    { timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {},
  ): boolean {
    if (this.trySend(message)) return true;
    const deadline = performance.now() + timeoutMs;
    do {
      const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - performance.now());
      if (!this.#port.block(left)) return false;
    } while (!this.trySend(message));
    return true;
  }

  /** How many readers live. Cost: a system call for each. @throws {IpcError} ERR_IPC_CLOSED. */
  protected countReaders(): number {
    return this.#port.countReaders();
  }
}
