import { fromErrno } from '@ipc/core';
import { mqSendMany } from '@ipc/native';

const bufferBytes = 16 << 10;
/** As many as a queue usually holds: more would only wait here instead of there. */
const mostMessages = 8;

/**
 * Messages on their way into a queue, so that several cross into the kernel's half of the process together.
 *
 * Each is still a system call of its own; what is saved is what it costs to get from JavaScript to there.
 */
export class PosixOutbox {
  readonly #fd: number;
  readonly #buffer: Uint8Array;
  readonly #lengths = new Uint32Array(mostMessages);
  #count = 0;
  #pendingBytes = 0;
  /** Where the next message begins; the first lies at 0. */
  #end = 0;

  constructor(fd: number, messageBytes: number) {
    this.#fd = fd;
    this.#buffer = new Uint8Array(Math.max(bufferBytes, messageBytes));
  }

  get length(): number {
    return this.#count;
  }

  /** An empty message counts as one byte: 0 means that nothing is on its way. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get isFull(): boolean {
    return this.#count === mostMessages;
  }

  /** Copies a message behind the others, or returns false when there is no room for it. */
  push(message: Uint8Array): boolean {
    const { length } = message;
    if (this.#count === mostMessages || length > this.#buffer.length - this.#end) return false;
    this.#buffer.set(message, this.#end);
    this.#lengths[this.#count++] = length;
    this.#pendingBytes += length || 1;
    this.#end = (this.#end + length + 7) & ~7;
    return true;
  }

  /** Sends as many as the queue has room for; true when something left. @throws {IpcError} */
  flush(): boolean {
    if (this.#count === 0) return false;
    let sent: number;
    try {
      sent = mqSendMany(this.#fd, this.#buffer, this.#lengths, 0, this.#count, 0);
    } catch (error) {
      throw fromErrno(error, 'send');
    }
    let start = 0;
    for (let i = 0; i < sent; i++) {
      const length = this.#lengths[i] ?? 0;
      start = (start + length + 7) & ~7;
      this.#pendingBytes -= length || 1;
    }
    this.#count -= sent;
    if (this.#count > 0) {
      this.#lengths.copyWithin(0, sent);
      this.#buffer.copyWithin(0, start, this.#end);
    }
    this.#end -= start;
    return sent > 0;
  }
}
