import type { CellPool } from './cell-pool.ts';
import {
  BEHIND_RING_LIST,
  CELL_BEFORE,
  CELL_BEHIND,
  DEAD_LIST,
  LEASES,
  LEVELS,
  LISTS,
  PRIORITIES,
  SUMMARY,
} from './shared-layout.ts';
import type { UndoLog } from './undo-log.ts';

/** A list: the index of the word that names its first cell; the last is in the next word. */
export type List = number;

export const deadList: List = LISTS + 2 * DEAD_LIST;

/** Messages of priority 0 that were sent after those in the ring. */
export const behindRingList: List = LISTS + 2 * BEHIND_RING_LIST;

export function priorityList(priority: number): List {
  return LISTS + 2 * priority;
}

/** The leases of a participant; behind it lies the participant's identity. */
export function leaseList(participant: number): List {
  return LEASES + 3 * participant;
}

/** First cells of messages in order, doubly linked, and which priorities have any: everything in O(1). */
export class MessageLists {
  readonly #words: Int32Array;
  readonly #pool: CellPool;
  readonly #log: UndoLog;

  constructor(words: Int32Array, pool: CellPool, log: UndoLog) {
    this.#words = words;
    this.#pool = pool;
    this.#log = log;
  }

  /** The highest priority that has messages; -1 when none has. */
  get highest(): number {
    const summary = this.#words[SUMMARY] ?? 0;
    if (summary === 0) return -1;
    const level = 31 - Math.clz32(summary);
    return level * 32 + 31 - Math.clz32(this.#words[LEVELS + level] ?? 0);
  }

  /** The first cell of a list; 0 when it is empty. */
  first(list: List): number {
    return this.#words[list] ?? 0;
  }

  /** The last cell of a list; 0 when it is empty. */
  last(list: List): number {
    return this.#words[list + 1] ?? 0;
  }

  /** Makes all of one list another one, which is empty. */
  move(from: List, to: List): void {
    const [first, last] = [this.first(from), this.last(from)];
    this.#becomesUsed(to, first);
    this.#log.set(to + 1, last);
    this.#log.set(from, 0);
    this.#log.set(from + 1, 0);
  }

  append(list: List, cell: number): void {
    const at = this.#pool.word(cell);
    const tail = this.last(list);
    this.#log.set(at + CELL_BEFORE, tail);
    this.#log.set(at + CELL_BEHIND, 0);
    if (tail === 0) this.#becomesUsed(list, cell);
    else this.#log.set(this.#pool.word(tail) + CELL_BEHIND, cell);
    this.#log.set(list + 1, cell);
  }

  prepend(list: List, cell: number): void {
    const head = this.first(list);
    if (head === 0) {
      this.append(list, cell);
      return;
    }
    const at = this.#pool.word(cell);
    this.#log.set(at + CELL_BEFORE, 0);
    this.#log.set(at + CELL_BEHIND, head);
    this.#log.set(this.#pool.word(head) + CELL_BEFORE, cell);
    this.#log.set(list, cell);
  }

  remove(list: List, cell: number): void {
    const at = this.#pool.word(cell);
    const before = this.#words[at + CELL_BEFORE] ?? 0;
    const behind = this.#words[at + CELL_BEHIND] ?? 0;
    if (before === 0) this.#log.set(list, behind);
    else this.#log.set(this.#pool.word(before) + CELL_BEHIND, behind);
    if (behind === 0) this.#log.set(list + 1, before);
    else this.#log.set(this.#pool.word(behind) + CELL_BEFORE, before);
    if (before === 0 && behind === 0) this.#mark(list, false);
  }

  #becomesUsed(list: List, cell: number): void {
    this.#log.set(list, cell);
    this.#mark(list, true);
  }

  #mark(list: List, used: boolean): void {
    const priority = (list - LISTS) >> 1;
    if (priority >= PRIORITIES) return;
    const level = priority >> 5;
    const before = this.#words[LEVELS + level] ?? 0;
    const after = used ? before | (1 << (priority & 31)) : before & ~(1 << (priority & 31));
    this.#log.set(LEVELS + level, after);
    if ((before === 0) === (after === 0)) return;
    const summary = this.#words[SUMMARY] ?? 0;
    this.#log.set(SUMMARY, used ? summary | (1 << level) : summary & ~(1 << level));
  }
}
