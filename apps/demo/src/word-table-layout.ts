/**
 * The table of words in shared memory: open addressing, and a heap of their letters.
 *
 *     0            4            8                                        all u32, little-endian
 *   +------------+------------+-----------------------
 *   | words      | heap bytes |  slot 0, slot 1, ...      SLOT_WORDS u32 each
 *   +------------+------------+-----------------------
 *     in the       in use
 *     table
 *
 *   slot:  | letters end | letters bytes | count | files |      letters end 0: the slot is free
 *   heap:  the words in UTF-8, one behind the other
 *
 * Written and read only by who holds the run's mutex. A new word's letters are in the heap before its slot names them.
 */
export const WORDS_INDEX = 0;
export const HEAP_USED_INDEX = 1;
export const FIRST_SLOT = 2;
export const SLOT_WORDS = 4;

export interface TableSize {
  /** A power of two; the table takes three quarters of it. */
  readonly slots: number;
  readonly heapBytes: number;
}

export function heapOffset({ slots }: TableSize): number {
  return 4 * (FIRST_SLOT + slots * SLOT_WORDS);
}

export function tableBytes(size: TableSize): number {
  return heapOffset(size) + size.heapBytes;
}
