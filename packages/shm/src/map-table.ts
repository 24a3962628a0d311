import { copyWords } from './owned-copy.ts';
import {
  COUNT,
  DELETED,
  EMPTY,
  EPOCH,
  KEY,
  LIVE,
  REPAIRS,
  SEGMENT_WORDS,
  SEGMENTS_AT,
  STATE,
  STATUS_MASK,
  VERSION,
  type MapGeometry,
} from './map-layout.ts';
import { murmur3 } from './murmur3.ts';

/**
 * The slots of a map: what readers do without a lock, and what the owner of a segment's lock may do.
 *
 * Slots are named by the index of their first word. Whatever the memory holds, every index stays inside the map and every
 * loop ends.
 */
export class MapTable {
  readonly geometry: MapGeometry;
  /** State of the slot that `find` returned, as it was then. */
  foundState = 0;
  readonly #words: Int32Array;
  readonly #seed: number;

  constructor(words: Int32Array, geometry: MapGeometry, seed: number) {
    this.#words = words;
    this.geometry = geometry;
    this.#seed = seed;
  }

  hash(words: Int32Array, at: number): number {
    return murmur3(words, at, this.geometry.keyWords, this.#seed);
  }

  /** First word of the segment of a hash. */
  segmentOf(hash: number): number {
    return this.segmentAt(hash & (this.geometry.segments - 1));
  }

  segmentAt(number: number): number {
    return (SEGMENTS_AT >> 2) + number * SEGMENT_WORDS;
  }

  /** First word of slot `index` of a segment. */
  slotAt(segment: number, index: number): number {
    const { slotsAt, segmentSlots, slotWords } = this.geometry;
    const number = (segment - (SEGMENTS_AT >> 2)) / SEGMENT_WORDS;
    return slotsAt + (number * segmentSlots + index) * slotWords;
  }

  /** First word of the value that a state makes valid. */
  valueAt(slot: number, state: number): number {
    const { keyWords, valueWords } = this.geometry;
    return slot + KEY + keyWords + ((state & VERSION) === 0 ? 0 : valueWords);
  }

  /** The LIVE slot of a key; if there is none -1, or with `orEmpty` the EMPTY slot at its place (-1 in a segment without one). */
  find(segment: number, hash: number, key: Int32Array, orEmpty: boolean): number {
    const words = this.#words;
    const { segmentSlots, slotWords, keyWords } = this.geometry;
    const first = this.slotAt(segment, 0);
    let index = this.#home(hash);
    for (let probes = 0; probes < segmentSlots; probes++) {
      const slot = first + index * slotWords;
      const state = Atomics.load(words, slot + STATE);
      const status = state & STATUS_MASK;
      if (status === EMPTY) {
        this.foundState = state;
        return orEmpty ? slot : -1;
      }
      if (status === LIVE) {
        let word = 0;
        while (word < keyWords && words[slot + KEY + word] === key[word]) word++;
        if (word === keyWords) {
          this.foundState = state;
          return slot;
        }
      }
      if (++index === segmentSlots) index = 0;
    }
    return -1;
  }

  /** Makes a new value, or an entry in an EMPTY slot, valid. The lock's owner only. */
  publish(
    segment: number,
    slot: number,
    state: number,
    key: Int32Array,
    keyAt: number,
    value: Int32Array,
    valueAt: number,
  ): void {
    const words = this.#words;
    const { keyWords, valueWords } = this.geometry;
    const next = ((state & ~STATUS_MASK) + VERSION) | LIVE;
    if ((state & STATUS_MASK) !== LIVE) copyWords(key, keyAt, words, slot + KEY, keyWords << 2);
    copyWords(value, valueAt, words, this.valueAt(slot, next), valueWords << 2);
    // An exchange, not a store: what is written next must not become visible before.
    Atomics.exchange(words, slot + STATE, next);
    if ((state & STATUS_MASK) === EMPTY) Atomics.add(words, segment + COUNT, 1);
  }

  /** Deletes a LIVE slot. The lock's owner only. */
  delete(segment: number, slot: number): void {
    this.#setStatus(slot, DELETED);
    Atomics.sub(this.#words, segment + COUNT, 1);
    this.#fill(segment, (slot - this.slotAt(segment, 0)) / this.geometry.slotWords);
  }

  /** Makes a segment whole whose lock's owner died. The new owner only. */
  repair(segment: number): void {
    const words = this.#words;
    const { segmentSlots } = this.geometry;
    Atomics.add(words, segment + EPOCH, 1);
    for (let index = 0; index < segmentSlots; index++) {
      const slot = this.slotAt(segment, index);
      if (this.#status(slot) === LIVE && this.#isCopy(segment, slot)) this.#setStatus(slot, DELETED);
    }
    for (let index = 0; index < segmentSlots; index++) {
      if (this.#status(this.slotAt(segment, index)) === DELETED) this.#fill(segment, index);
    }
    let count = 0;
    for (let index = 0; index < segmentSlots; index++) {
      if (this.#status(this.slotAt(segment, index)) === LIVE) count++;
    }
    Atomics.store(words, segment + COUNT, count);
    Atomics.add(words, segment + REPAIRS, 1);
  }

  /** Closes the hole that the DELETED slot `hole` is. */
  #fill(segment: number, hole: number): void {
    const { segmentSlots } = this.geometry;
    let index = hole;
    for (let steps = 1; steps < segmentSlots; steps++) {
      index = (index + 1) % segmentSlots;
      const slot = this.slotAt(segment, index);
      const status = this.#status(slot);
      if (status === EMPTY) break;
      if (status !== LIVE) continue; // another hole, while repairing
      const toHome = this.#distance(this.#home(this.hash(this.#words, slot + KEY)), index);
      if (toHome < this.#distance(hole, index)) continue; // it would stand before its home
      this.#move(segment, slot, this.slotAt(segment, hole));
      hole = index;
    }
    this.#setStatus(this.slotAt(segment, hole), EMPTY);
  }

  #move(segment: number, from: number, to: number): void {
    const words = this.#words;
    const state = Atomics.load(words, from + STATE);
    this.publish(
      segment,
      to,
      Atomics.load(words, to + STATE),
      words,
      from + KEY,
      words,
      this.valueAt(from, state),
    );
    Atomics.add(words, segment + EPOCH, 1);
    this.#setStatus(from, DELETED);
  }

  /** Whether the probe sequence of this slot's key comes by another slot with that key first. */
  #isCopy(segment: number, slot: number): boolean {
    const { keyWords } = this.geometry;
    const key = this.#words.slice(slot + KEY, slot + KEY + keyWords);
    return this.find(segment, this.hash(key, 0), key, false) !== slot;
  }

  #home(hash: number): number {
    return ((hash >>> 16) * this.geometry.segmentSlots) >>> 16;
  }

  #distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.geometry.segmentSlots;
  }

  #status(slot: number): number {
    return Atomics.load(this.#words, slot + STATE) & STATUS_MASK;
  }

  #setStatus(slot: number, status: number): void {
    const state = Atomics.load(this.#words, slot + STATE);
    Atomics.exchange(this.#words, slot + STATE, ((state & ~STATUS_MASK) + VERSION) | status);
  }
}
