import { IpcError, ownedSlice } from '@ipc/core';
import { CELL_HEADER_BYTES, CELL_NEXT, cellStride, FREE, FRESH } from './shared-layout.ts';
import type { UndoLog } from './undo-log.ts';

/** Where the cells of a mapping are. */
export interface CellPlace {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Offset of cell 1 in `bytes`. */
  readonly start: number;
  readonly cellBytes: number;
  readonly cells: number;
}

/** Cells for messages, one for each. Taking and giving back change a few words. */
export class CellPool {
  readonly cells: number;
  /** Bytes of the longest message that lies in its cell itself. */
  readonly cellBytes: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #stride: number;
  readonly #log: UndoLog;

  constructor({ words, bytes, start, cellBytes, cells }: CellPlace, log: UndoLog) {
    this.#words = words;
    this.#bytes = bytes;
    this.#start = start;
    this.cellBytes = cellBytes;
    this.#stride = cellStride(cellBytes);
    this.cells = cells;
    this.#log = log;
  }

  /** Index of a cell's first word. @throws {IpcError} ERR_IPC_CORRUPT: no such cell. */
  word(cell: number): number {
    if (!this.has(cell)) throw new IpcError('ERR_IPC_CORRUPT', `queue: no cell ${cell}`);
    return (this.#start + (cell - 1) * this.#stride) >>> 2;
  }

  has(cell: number): boolean {
    return cell >= 1 && cell <= this.cells;
  }

  /** Takes a cell. The caller has checked that there is one. */
  take(): number {
    const free = this.#words[FREE] ?? 0;
    if (free !== 0) {
      this.#log.set(FREE, this.#words[this.word(free) + CELL_NEXT] ?? 0);
      return free;
    }
    const fresh = this.#words[FRESH] ?? 0;
    this.#log.set(FRESH, fresh + 1);
    return fresh;
  }

  /** Puts a message into a cell that nobody else can reach. */
  write(cell: number, message: Uint8Array): void {
    this.#bytes.set(message, this.word(cell) * 4 + CELL_HEADER_BYTES);
  }

  /** A copy of the message in a cell, where it is not longer than that. */
  read(cell: number, length: number): Uint8Array {
    const at = this.word(cell) * 4 + CELL_HEADER_BYTES;
    return ownedSlice(this.#bytes, at, at + length);
  }

  /** Gives a cell back. */
  free(cell: number): void {
    this.#log.set(this.word(cell) + CELL_NEXT, this.#words[FREE] ?? 0);
    this.#log.set(FREE, cell);
  }
}
