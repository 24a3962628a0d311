import { markAsUntransferable } from 'node:worker_threads';

/** Up to here V8 keeps a typed array's bytes in its own heap: a copy costs less than a view, and keeps nothing else alive. */
const inHeapBytes = 64;
const blockBytes = 32 << 10;

/**
 * Memory that messages are received into and handed out of, without allocating or copying each.
 *
 * A queue's descriptor wants room for the longest message at every call. Messages are put one behind the other into
 * blocks of 32 KiB and handed out as views that nobody writes to again; tiny ones, and those of queues whose
 * messages may be large, are copied, so that a small message never keeps a large block alive.
 */
export class MessageMemory {
  readonly #messageBytes: number;
  readonly #blockBytes: number;
  #block: Uint8Array;
  /** Where the next message is to be received: `messageBytes` from here on are free. */
  #offset = 0;

  constructor(messageBytes: number) {
    this.#messageBytes = messageBytes;
    this.#blockBytes = messageBytes <= blockBytes / 2 ? blockBytes : messageBytes;
    this.#block = this.#newBlock();
  }

  get target(): Uint8Array {
    return this.#block;
  }

  get offset(): number {
    return this.#offset;
  }

  /** The message just received, borrowed: overwritten by the next. */
  borrow(length: number): Uint8Array {
    return this.#block.subarray(this.#offset, this.#offset + length);
  }

  /** The message just received, owned by the caller. */
  take(length: number): Uint8Array {
    const from = this.#offset;
    if (length <= inHeapBytes || this.#blockBytes !== blockBytes)
      return this.#block.slice(from, from + length);
    const message = new Uint8Array(this.#block.buffer, from, length);
    this.#offset = (from + length + 7) & ~7;
    if (this.#offset + this.#messageBytes > blockBytes) {
      this.#block = this.#newBlock();
      this.#offset = 0;
    }
    return message;
  }

  /** Transferring one message's buffer to a worker would take all others away: refuse it. */
  #newBlock(): Uint8Array {
    const buffer = new ArrayBuffer(this.#blockBytes);
    markAsUntransferable(buffer);
    return new Uint8Array(buffer);
  }
}
