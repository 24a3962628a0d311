import { LINK_WORDS } from './shared-layout.ts';

/** Where the blocks of a mapping are. */
export interface BlockPlace {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Index of the state of block 1. */
  readonly states: number;
  /** Index of its link. */
  readonly links: number;
  /** Offset of its payload in `bytes`. */
  readonly payloads: number;
  readonly blockBytes: number;
  readonly blocks: number;
}

/** A message in blocks. */
export interface BlockChain {
  readonly length: number;
  readonly block: number;
  readonly state: number;
}

/** What became of taking blocks. */
export const STORED = 0;
const NO_BLOCKS = 1;
/** Others were faster: some were taken, and given back. */
export const OUTRUN = 2;
export type StoreOutcome = typeof STORED | typeof NO_BLOCKS | typeof OUTRUN;

/** Blocks of a stretch: whoever has come to the end of one begins anew where memory is warm, if that is free again. */
const stretch = 64;
const OWNER_MASK = 0xff;
const TAG = 0x100;

/**
 * Memory for the payloads of messages that are longer than a cell: chains of blocks, taken and given back by anybody without a lock.
 *
 *            31                                      8 7               0
 *           +-----------------------------------------+-----------------+
 *   state   | tag                                     | participant + 1 |   0 in the low byte: free
 *           +-----------------------------------------+-----------------+
 *   link    | next block, from 1; 0 is none           | its state       |   2 words; 0 of a free one
 *           +-----------------------------------------+-----------------+
 *
 * One compareExchange takes a block, and one gives it back, with the next tag. So a block and its state name it for as long as it is taken, and
 * giving it back by a name that is old does nothing.
 *
 * Who takes a chain writes the name of each block where its heir finds it, into the own claim or into the link of the block before, and then
 * takes it; who gives one back begins at its end. So at any time what is left of a chain is found from its start, up
 * to the first name that is old.
 */
export class BlockPool {
  readonly blockBytes: number;
  readonly blocks: number;
  readonly #place: BlockPlace;
  readonly #words: Int32Array;
  readonly #states: number;
  readonly #links: number;
  readonly #payloads: number;
  /** Where to look next, from 1. */
  #next = 1;
  /** The blocks walked along last, and their states. */
  #chain = new Int32Array(16);
  #chainStates = new Int32Array(16);

  constructor(place: BlockPlace) {
    this.#place = place;
    this.blockBytes = place.blockBytes;
    this.blocks = place.blocks;
    this.#words = place.words;
    this.#states = place.states - 1;
    this.#links = place.links - LINK_WORDS;
    this.#payloads = place.payloads - place.blockBytes;
  }

  /** Whether a message of that length fits now. */
  hasRoom(length: number): boolean {
    return this.#isFree(this.#countFor(length));
  }

  /**
   * Whether that may be so, at a glance: for who looks again and again. What was taken longest ago is next to be free.
   */
  get isRoomy(): boolean {
    return this.#isFreeAt(this.#next);
  }

  /**
   * Takes blocks for a message and fills them. When there are not enough of them none is taken in the end.
   *
   * @param participant - Its owner. @param name - Index of the two words that name its first block.
   */
  store(message: Uint8Array, participant: number, name: number): StoreOutcome {
    const count = this.#countFor(message.length);
    if (count > 1 && !this.#isFree(count)) return NO_BLOCKS;
    this.#grow(count);
    const words = this.#words;
    let last = 0;
    let looks = this.blocks;
    for (let taken = 0; taken < count;) {
      const block = this.#next;
      this.#advance();
      const at = this.#states + block;
      const free = words[at] ?? -1;
      if ((free & OWNER_MASK) === 0) {
        const state = free | (participant + 1);
        const named = last === 0 ? name : this.#links + last * LINK_WORDS;
        words[named + 1] = state;
        words[named] = block;
        if (Atomics.compareExchange(words, at, free, state) === free) {
          this.#chain[taken++] = last = block;
          continue;
        }
      }
      if (--looks > 0) continue;
      this.release(name);
      return taken === 0 ? NO_BLOCKS : OUTRUN;
    }
    words[this.#links + last * LINK_WORDS] = 0;
    this.#copy(count, message.length, message, true);
    return STORED;
  }

  /**
   * Copies a chain of blocks into `target`.
   *
   * @returns False where it is none of that length, or is just being given back: then what was copied is nothing.
   */
  load(block: number, state: number, target: Uint8Array): boolean {
    const count = this.#countFor(target.length);
    if (this.#walk(block, state, count) < count) return false;
    this.#copy(count, target.length, target, false);
    return true;
  }

  /** Gives back the chain that two words name, and clears them; nothing when they name none, or one that is given back already. */
  release(name: number): void {
    const words = this.#words;
    this.free(words[name] ?? 0, words[name + 1] ?? 0);
    words[name] = 0;
  }

  /** Gives back what is left of a chain, as far as its name and those in its links hold. */
  free(block: number, state: number): void {
    const words = this.#words;
    for (let place = this.#walk(block, state, this.blocks) - 1; place >= 0; place--) {
      const each = this.#chain[place] ?? 0;
      const at = this.#states + each;
      const owned = this.#chainStates[place] ?? 0;
      words[this.#links + each * LINK_WORDS] = 0;
      Atomics.compareExchange(words, at, owned, (owned & ~OWNER_MASK) + TAG);
    }
  }

  /** Goes along a chain; returns how many blocks of it there are, at most `most`. */
  #walk(first: number, firstState: number, most: number): number {
    const words = this.#words;
    let [block, state, count] = [first, firstState, 0];
    while (count < most && block >= 1 && block <= this.blocks && (state & OWNER_MASK) !== 0) {
      if (words[this.#states + block] !== state) break;
      if (count === this.#chain.length) this.#grow(2 * count);
      this.#chain[count] = block;
      this.#chainStates[count] = state;
      count++;
      const link = this.#links + block * LINK_WORDS;
      block = words[link] ?? 0;
      state = words[link + 1] ?? 0;
    }
    return count;
  }

  /** Between memory and the first blocks walked along: those that lie side by side at once. */
  #copy(count: number, length: number, own: Uint8Array, isStored: boolean): void {
    const { bytes } = this.#place;
    const { blockBytes } = this;
    for (let from = 0; from < count;) {
      const first = this.#chain[from] ?? 0;
      let end = from + 1;
      while (end < count && this.#chain[end] === first + end - from) end++;
      const offset = this.#payloads + first * blockBytes;
      const start = from * blockBytes;
      const stop = Math.min(length, end * blockBytes);
      if (isStored) bytes.set(end - from === count ? own : own.subarray(start, stop), offset);
      else own.set(new Uint8Array(bytes.buffer, bytes.byteOffset + offset, stop - start), start);
      from = end;
    }
  }

  #countFor(length: number): number {
    return Math.max(1, Math.ceil(length / this.blockBytes));
  }

  #isFreeAt(block: number): boolean {
    return ((this.#words[this.#states + block] ?? -1) & OWNER_MASK) === 0;
  }

  #isFree(count: number): boolean {
    if (count > this.blocks) return false;
    let block = this.#next;
    let found = 0;
    for (let looks = this.blocks; looks > 0 && found < count; looks--) {
      if (this.#isFreeAt(block)) found++;
      block = block === this.blocks ? 1 : block + 1;
    }
    return found >= count;
  }

  #advance(): void {
    const next = this.#next + 1;
    if (next > this.blocks || (next % stretch === 1 && this.#isFreeAt(1))) this.#next = 1;
    else this.#next = next;
  }

  #grow(count: number): void {
    if (count <= this.#chain.length) return;
    const [chain, states] = [this.#chain, this.#chainStates];
    this.#chain = new Int32Array(2 * count);
    this.#chainStates = new Int32Array(2 * count);
    this.#chain.set(chain);
    this.#chainStates.set(states);
  }
}
