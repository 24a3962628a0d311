import { Region } from '@ipc/shm';
import type { WordCount } from './word-index.ts';
import {
  FIRST_SLOT,
  HEAP_USED_INDEX,
  heapOffset,
  SLOT_WORDS,
  tableBytes,
  WORDS_INDEX,
  type TableSize,
} from './word-table-layout.ts';

const KIND = 'words';
const size: TableSize = { slots: 1 << 18, heapBytes: 8 << 20 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The counts of all workers, in shared memory. Every call needs the run's mutex. */
export class WordTable implements Disposable {
  readonly #region: Region;
  readonly #words: Int32Array;
  readonly #heap: Uint8Array;

  private constructor(region: Region) {
    this.#region = region;
    this.#words = region.words;
    this.#heap = region.bytesView.subarray(heapOffset(size));
  }

  static create(name: string): WordTable {
    return new WordTable(
      Region.create(name, { kind: KIND, bytes: tableBytes(size), lifetime: 'while-open' }),
    );
  }

  static open(name: string): WordTable {
    return new WordTable(Region.open(name, { kind: KIND }));
  }

  /** Adds the counts of one file. @throws {RangeError} The table or its heap is full; the file is counted in part then. */
  add(counts: ReadonlyMap<string, number>): void {
    for (const [word, count] of counts) {
      const letters = encoder.encode(word);
      const at = this.#slotOf(letters);
      if (this.#word(at) === 0) this.#insert(at, letters);
      this.#words[at + 2] = this.#word(at + 2) + count;
      this.#words[at + 3] = this.#word(at + 3) + 1;
    }
  }

  *entries(): Generator<WordCount> {
    for (let slot = 0; slot < size.slots; slot++) {
      const at = FIRST_SLOT + slot * SLOT_WORDS;
      const end = this.#word(at);
      if (end === 0) continue;
      const word = decoder.decode(this.#heap.slice(end - this.#word(at + 1), end));
      yield { word, count: this.#word(at + 2), files: this.#word(at + 3) };
    }
  }

  [Symbol.dispose](): void {
    this.#region.close();
  }

  /** Where the word is, or the free slot where it belongs. */
  #slotOf(letters: Uint8Array): number {
    for (let slot = hash(letters) & (size.slots - 1); ; slot = (slot + 1) & (size.slots - 1)) {
      const at = FIRST_SLOT + slot * SLOT_WORDS;
      const end = this.#word(at);
      if (end === 0 || this.#isHere(letters, end, this.#word(at + 1))) return at;
    }
  }

  #isHere(letters: Uint8Array, end: number, bytes: number): boolean {
    if (bytes !== letters.length) return false;
    for (let i = 0; i < bytes; i++) if (this.#heap[end - bytes + i] !== letters[i]) return false;
    return true;
  }

  #insert(at: number, letters: Uint8Array): void {
    const words = this.#word(WORDS_INDEX) + 1;
    const end = this.#word(HEAP_USED_INDEX) + letters.length;
    if (words > (size.slots / 4) * 3 || end > size.heapBytes) {
      throw new RangeError(
        `the folder has more different words than the table holds: ${words} words, ${end} bytes of letters`,
      );
    }
    this.#heap.set(letters, end - letters.length);
    this.#words[HEAP_USED_INDEX] = end;
    this.#words[WORDS_INDEX] = words;
    this.#words[at + 1] = letters.length;
    this.#words[at] = end;
  }

  #word(index: number): number {
    return this.#words[index] ?? 0;
  }
}

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash(bytes: Uint8Array): number {
  let value = 0x811c9dc5;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
