import { markAsUntransferable } from 'node:worker_threads';
import { fromErrno } from '@ipc/core';
import { mqReceive, mqReceiveMany } from '@ipc/native';
import { type CopySource, ownedCopy } from '@ipc/shm';

/** Up to here a copy costs less than room for the longest message that is not used. */
const copiedBytes = 256;
const blockBytes = 32 << 10;

/**
 * Messages that came out of a queue and are not handed out yet, without allocating or copying each.
 *
 * A queue's descriptor wants room for the longest message at every call. Messages are put one behind the other into
 * blocks of 32 KiB and handed out as views that nobody writes to again; tiny ones, and those of queues whose
 * messages may be large, are copied, so that a small message never keeps a large block alive.
 */
export class MessageMemory {
  readonly #messageBytes: number;
  readonly #isSharedBlock: boolean;
  readonly #lengths: Uint32Array;
  readonly #priorities: Uint32Array;
  #block = newBlock(0);
  /** Everything before it belongs to those who were handed a view. */
  #free = 0;
  /** Where the next message to be handed out lies. */
  #at = 0;
  #next = 0;
  #count = 0;
  #length = 0;
  #priority = 0;

  /** @param readAhead - Messages taken out at once: more than one is for queues that nobody else receives from. */
  constructor(messageBytes: number, readAhead: number) {
    this.#messageBytes = messageBytes;
    this.#isSharedBlock = messageBytes <= blockBytes / 2;
    this.#lengths = new Uint32Array(readAhead);
    this.#priorities = new Uint32Array(readAhead);
  }

  /** Goes on to the next message, asking the kernel when none is here; false when the queue is empty. @throws {IpcError} */
  advance(fd: number): boolean {
    if (this.#next === this.#count && !this.#refill(fd)) return false;
    this.#length = this.#lengths[this.#next] ?? 0;
    this.#priority = this.#priorities[this.#next] ?? 0;
    this.#next++;
    return true;
  }

  /** The priority of the message advanced to. */
  get priority(): number {
    return this.#priority;
  }

  /** The message advanced to, borrowed: overwritten some time after the next `advance`. Either this or `take`, once. */
  borrow(): Uint8Array {
    const from = this.#at;
    this.#at = (from + this.#length + 7) & ~7;
    return new Uint8Array(this.#block.buffer, from, this.#length);
  }

  /** The message advanced to, owned by the caller. */
  take(): Uint8Array {
    const length = this.#length;
    const from = this.#at;
    this.#at = (from + length + 7) & ~7;
    if (length <= copiedBytes || !this.#isSharedBlock) return ownedCopy(this.#block, from, length);
    this.#free = this.#at;
    return new Uint8Array(this.#block.buffer, from, length);
  }

  #refill(fd: number): boolean {
    if (this.#free + this.#messageBytes > this.#block.bytes.length) {
      this.#block = newBlock(this.#isSharedBlock ? blockBytes : this.#messageBytes);
      this.#free = 0;
    }
    this.#next = this.#count = 0;
    try {
      this.#count = this.#lengths.length === 1 ? this.#receiveOne(fd) : this.#receiveMany(fd);
    } catch (error) {
      throw fromErrno(error, 'receive from queue');
    }
    this.#at = this.#free;
    return this.#count > 0;
  }

  #receiveOne(fd: number): number {
    const taken = mqReceive(fd, this.#block.bytes, this.#free, this.#messageBytes);
    if (taken < 0) return 0;
    this.#lengths[0] = taken;
    this.#priorities[0] = taken / 2 ** 32;
    return 1;
  }

  #receiveMany(fd: number): number {
    return mqReceiveMany(
      fd,
      this.#block.bytes,
      this.#free,
      this.#messageBytes,
      this.#lengths,
      this.#priorities,
    );
  }
}

interface Block extends CopySource {
  readonly buffer: ArrayBuffer;
}

/** Transferring one message's buffer to a worker would take all others away: refuse it. */
function newBlock(bytes: number): Block {
  const buffer = new ArrayBuffer((bytes + 7) & ~7);
  markAsUntransferable(buffer);
  return { buffer, bytes: new Uint8Array(buffer), words: new Int32Array(buffer) };
}
