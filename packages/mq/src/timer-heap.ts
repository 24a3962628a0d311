import type { CellPool } from './cell-pool.ts';
import { CELL_DUE, CELL_TIMER, TIMERS } from './shared-layout.ts';
import { timeAt, timeWords } from './time-words.ts';
import type { UndoLog } from './undo-log.ts';

/** Which message's time comes next: a binary heap of cells by their `due`. Adding and removing cost O(log n). */
export class TimerHeap {
  readonly #words: Int32Array;
  readonly #pool: CellPool;
  readonly #log: UndoLog;
  /** Index of the word before the heap's first: places count from 1. */
  readonly #base: number;

  constructor(words: Int32Array, start: number, pool: CellPool, log: UndoLog) {
    this.#words = words;
    this.#pool = pool;
    this.#log = log;
    this.#base = start - 1;
  }

  get length(): number {
    return this.#words[TIMERS] ?? 0;
  }

  /** The cell whose time comes first; 0 when there is none. */
  get first(): number {
    return this.length === 0 ? 0 : this.#cellAt(1);
  }

  /** When the first one's time comes; Infinity when there is none. */
  get nextMs(): number {
    return this.length === 0 ? Infinity : this.due(this.#cellAt(1));
  }

  /** The same as seen from outside the guard, where it may be changing: a guess, then 0 for "look". */
  get nextMsSeen(): number {
    const cell = this.#cellAt(1);
    return this.#pool.has(cell) ? this.due(cell) : 0;
  }

  due(cell: number): number {
    return this.read(this.#pool.word(cell) + CELL_DUE);
  }

  /** A time in two words. */
  read(at: number): number {
    return timeAt(this.#words, at);
  }

  write(at: number, ms: number): void {
    const words = timeWords(ms);
    this.#log.set(at, words[0] ?? 0);
    this.#log.set(at + 1, words[1] ?? 0);
  }

  add(cell: number, dueMs: number): void {
    this.write(this.#pool.word(cell) + CELL_DUE, dueMs);
    const place = this.length + 1;
    this.#log.set(TIMERS, place);
    this.#rise(cell, place);
  }

  /** Takes a cell out, if it is in. */
  remove(cell: number): void {
    const at = this.#pool.word(cell);
    const place = this.#words[at + CELL_TIMER] ?? 0;
    if (place === 0) return;
    const { length } = this;
    const moved = this.#cellAt(length);
    this.#log.set(TIMERS, length - 1);
    this.#log.set(at + CELL_TIMER, 0);
    if (moved === cell) return;
    if (place > 1 && this.due(moved) < this.due(this.#cellAt(place >> 1))) this.#rise(moved, place);
    else this.#sink(moved, place);
  }

  #rise(cell: number, from: number): void {
    const due = this.due(cell);
    let place = from;
    while (place > 1) {
      const parent = this.#cellAt(place >> 1);
      if (this.due(parent) <= due) break;
      this.#put(parent, place);
      place >>= 1;
    }
    this.#put(cell, place);
  }

  #sink(cell: number, from: number): void {
    const due = this.due(cell);
    const { length } = this;
    let place = from;
    for (let child = 2 * place; child <= length; child = 2 * place) {
      if (child < length && this.due(this.#cellAt(child + 1)) < this.due(this.#cellAt(child))) child++;
      const other = this.#cellAt(child);
      if (due <= this.due(other)) break;
      this.#put(other, place);
      place = child;
    }
    this.#put(cell, place);
  }

  #put(cell: number, place: number): void {
    this.#log.set(this.#base + place, cell);
    this.#log.set(this.#pool.word(cell) + CELL_TIMER, place);
  }

  #cellAt(place: number): number {
    return this.#words[this.#base + place] ?? 0;
  }
}
