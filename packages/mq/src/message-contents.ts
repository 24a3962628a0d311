import { IpcError, ownedMemory } from '@ipc/core';
import type { BlockChain, BlockPool } from './block-pool.ts';
import type { CellPool } from './cell-pool.ts';
import {
  CELL_ATTEMPTS,
  CELL_BLOCK,
  CELL_BLOCK_STATE,
  CELL_EXPIRES,
  CELL_LENGTH,
  CELL_PRIORITY,
  CELL_TIMER,
  MESSAGES,
} from './shared-layout.ts';
import type { UndoLog } from './undo-log.ts';

/** What {@link MessageContents} work with. */
export interface MessageContentsParts {
  readonly words: Int32Array;
  readonly log: UndoLog;
  readonly pool: CellPool;
  readonly blocks: BlockPool;
  /** Index of the two words that name blocks that no message has any more, and this participant is to give back. */
  readonly freed: number;
  readonly maxMessageBytes: number;
}

/**
 * The bytes of messages: in a cell, or in blocks that a cell names.
 *
 * As those of `MessageTable`, the methods run inside the guard, and what they change is undone unless their caller commits; those of
 * blocks run outside, as copying a long message takes its time.
 */
export class MessageContents {
  readonly #words: Int32Array;
  readonly #log: UndoLog;
  readonly #pool: CellPool;
  readonly #blocks: BlockPool;
  readonly #freed: number;
  readonly #maxMessageBytes: number;

  constructor({ words, log, pool, blocks, freed, maxMessageBytes }: MessageContentsParts) {
    this.#words = words;
    this.#log = log;
    this.#pool = pool;
    this.#blocks = blocks;
    this.#freed = freed;
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** A new message, in no list; there is a cell for it. Returns the cell. */
  store(message: Uint8Array | BlockChain, priority: number): number {
    const words = this.#words;
    const cell = this.#pool.take();
    const at = this.#pool.word(cell);
    if (message instanceof Uint8Array) this.#pool.write(cell, message);
    else {
      words[at + CELL_BLOCK] = message.block;
      words[at + CELL_BLOCK_STATE] = message.state;
    }
    words[at + CELL_LENGTH] = message.length;
    words[at + CELL_PRIORITY] = priority;
    words[at + CELL_ATTEMPTS] = 0;
    words[at + CELL_TIMER] = 0;
    words[at + CELL_EXPIRES] = words[at + CELL_EXPIRES + 1] = 0;
    this.#log.add(MESSAGES, 1);
    return cell;
  }

  /** A copy of a message. @throws {IpcError} ERR_IPC_CORRUPT */
  read(cell: number): Uint8Array {
    const bytes = this.readCell(cell);
    if (bytes.length > this.#pool.cellBytes) {
      const at = this.#pool.word(cell);
      this.#load(this.#words[at + CELL_BLOCK] ?? 0, this.#words[at + CELL_BLOCK_STATE] ?? 0, bytes);
    }
    return bytes;
  }

  /** The same of a message in its cell; of one in blocks memory for it, as yet without its bytes. @throws {IpcError} ERR_IPC_CORRUPT */
  readCell(cell: number): Uint8Array {
    const length = this.#lengthAt(this.#pool.word(cell));
    return length > this.#pool.cellBytes ? ownedMemory(length) : this.#pool.read(cell, length);
  }

  /** Frees the cell of a message, which `freed` names the blocks of then, if it has any. */
  free(cell: number): void {
    const at = this.#pool.word(cell);
    if (this.#lengthAt(at) > this.#pool.cellBytes) {
      this.#log.set(this.#freed + 1, this.#words[at + CELL_BLOCK_STATE] ?? 0);
      this.#log.set(this.#freed, this.#words[at + CELL_BLOCK] ?? 0);
    }
    this.#pool.free(cell);
    this.#log.add(MESSAGES, -1);
  }

  /** Gives back the blocks that `freed` names, if any. */
  releaseFreed(): void {
    if (this.#words[this.#freed] !== 0) this.#blocks.release(this.#freed);
  }

  /** Outside the guard: copies the blocks that `freed` names and gives them back. False when it names none. */
  loadFreed(bytes: Uint8Array): boolean {
    const block = this.#words[this.#freed] ?? 0;
    if (block === 0) return false;
    try {
      this.#load(block, this.#words[this.#freed + 1] ?? 0, bytes);
    } finally {
      this.#blocks.release(this.#freed);
    }
    return true;
  }

  #load(block: number, state: number, bytes: Uint8Array): void {
    if (this.#blocks.load(block, state, bytes)) return;
    throw new IpcError('ERR_IPC_CORRUPT', `queue: a message of ${bytes.length} bytes without its blocks`);
  }

  #lengthAt(at: number): number {
    const length = this.#words[at + CELL_LENGTH] ?? -1;
    if (length < 0 || length > this.#maxMessageBytes)
      throw new IpcError('ERR_IPC_CORRUPT', `queue: a message of ${length} bytes`);
    return length;
  }
}
