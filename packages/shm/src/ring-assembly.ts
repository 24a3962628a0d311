import { IpcError, unzeroed } from '@ipc/core';

/** A message that comes in pieces, put together once in memory of its own. What announces it is not to be trusted. */
export class Assembly {
  readonly #maxMessageBytes: number;
  #message: Uint8Array | undefined;
  #filled = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Whether pieces are missing. */
  get isOpen(): boolean {
    return this.#message !== undefined;
  }

  /** @throws {IpcError} ERR_IPC_CORRUPT: longer than this side takes, or the last one is not complete. */
  begin(length: number): void {
    if (this.#message !== undefined) throw damaged('begins in the middle of another one');
    if (length > this.#maxMessageBytes)
      throw damaged(`has ${length} bytes; maxMessageBytes is ${this.#maxMessageBytes}`);
    this.#message = unzeroed(length);
    this.#filled = 0;
  }

  /** Takes the next piece; returns the message with the last one. @throws {IpcError} ERR_IPC_CORRUPT: no such message, or too much of it. */
  add(piece: Uint8Array): Uint8Array | undefined {
    const message = this.#message;
    if (message === undefined) throw damaged('has no beginning');
    if (piece.length > message.length - this.#filled) throw damaged('has more pieces than it says');
    message.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled < message.length) return undefined;
    this.#message = undefined;
    return message;
  }
}

function damaged(what: string): IpcError {
  return new IpcError('ERR_IPC_CORRUPT', `the ring is damaged: a message in pieces ${what}`);
}
