import { IpcError } from '@ipc/core';
import {
  CELL_LAST,
  CELL_NEXT,
  cellsFor,
  FIRST_HEADER_BYTES,
  FREE,
  FRESH,
  OTHER_HEADER_BYTES,
  USED_CELLS,
} from './shared-layout.ts';
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

/** Memory for messages: chains of cells of one size. Taking and giving back change a few words, however long the chain is. */
export class CellPool {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #cellBytes: number;
  readonly #cells: number;
  readonly #log: UndoLog;

  constructor({ words, bytes, start, cellBytes, cells }: CellPlace, log: UndoLog) {
    this.#words = words;
    this.#bytes = bytes;
    this.#start = start;
    this.#cellBytes = cellBytes;
    this.#cells = cells;
    this.#log = log;
  }

  /** Index of a cell's first word. @throws {IpcError} ERR_IPC_CORRUPT: no such cell. */
  word(cell: number): number {
    if (!this.has(cell)) throw new IpcError('ERR_IPC_CORRUPT', `queue: no cell ${cell}`);
    return (this.#start + (cell - 1) * this.#cellBytes) >>> 2;
  }

  has(cell: number): boolean {
    return cell >= 1 && cell <= this.#cells;
  }

  /** Whether a message of that length fits now. */
  hasRoom(length: number): boolean {
    return cellsFor(length, this.#cellBytes) <= this.#cells - (this.#words[USED_CELLS] ?? 0);
  }

  /** Takes the chain for a message and fills in its payload; returns the first cell. The caller has checked that there is room. */
  store(message: Uint8Array): number {
    const words = this.#words;
    const count = cellsFor(message.length, this.#cellBytes);
    let free = words[FREE] ?? 0;
    let fresh = words[FRESH] ?? 0;
    let first = 0;
    let last = 0;
    let lastIsFresh = false;
    let from = 0;
    for (let i = 0; i < count; i++) {
      let cell: number;
      if (free !== 0) {
        cell = free;
        free = words[this.word(cell)] ?? 0;
      } else {
        cell = fresh++;
        words[this.word(cell) + CELL_NEXT] = 0;
        if (lastIsFresh) words[this.word(last) + CELL_NEXT] = cell;
        else if (last !== 0) this.#log.set(this.word(last) + CELL_NEXT, cell); // it ends the list of free cells
        lastIsFresh = true;
      }
      const offset = this.#start + (cell - 1) * this.#cellBytes;
      const header = i === 0 ? FIRST_HEADER_BYTES : OTHER_HEADER_BYTES;
      const room = this.#cellBytes - header;
      if (count === 1) this.#bytes.set(message, offset + header);
      else this.#bytes.set(message.subarray(from, from + room), offset + header);
      from += room;
      if (i === 0) first = cell;
      last = cell;
    }
    words[this.word(first) + CELL_LAST] = last;
    if (free !== words[FREE]) this.#log.set(FREE, free);
    if (fresh !== words[FRESH]) this.#log.set(FRESH, fresh);
    this.#log.add(USED_CELLS, count);
    return first;
  }

  /** A copy of a message. @throws {IpcError} ERR_IPC_CORRUPT. */
  load(first: number, length: number): Uint8Array {
    const room = this.#cellBytes - FIRST_HEADER_BYTES;
    const at = this.#start + (first - 1) * this.#cellBytes + FIRST_HEADER_BYTES;
    if (length <= room) return this.#bytes.slice(at, at + length);
    if (cellsFor(length, this.#cellBytes) > this.#cells)
      throw new IpcError('ERR_IPC_CORRUPT', `queue: a message of ${length} bytes`);
    const message = new Uint8Array(length);
    message.set(this.#bytes.subarray(at, at + room));
    let cell = first;
    for (let to = room; to < length; to += this.#cellBytes - OTHER_HEADER_BYTES) {
      cell = this.#words[this.word(cell) + CELL_NEXT] ?? 0;
      const from = this.word(cell) * 4 + OTHER_HEADER_BYTES;
      message.set(
        this.#bytes.subarray(from, from + Math.min(length - to, this.#cellBytes - OTHER_HEADER_BYTES)),
        to,
      );
    }
    return message;
  }

  /** Gives a chain back. */
  free(first: number, length: number): void {
    const last = this.#words[this.word(first) + CELL_LAST] ?? 0;
    this.#log.set(this.word(last) + CELL_NEXT, this.#words[FREE] ?? 0);
    this.#log.set(FREE, first);
    this.#log.add(USED_CELLS, -cellsFor(length, this.#cellBytes));
  }
}
