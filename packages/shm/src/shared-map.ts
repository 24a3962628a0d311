import { closedError, IpcError } from '@ipc/core';
import { fence } from './fence.ts';
import { entriesOf, type SharedMapEntry } from './map-entries.ts';
import { MapKey } from './map-key.ts';
import {
  COUNT,
  EPOCH,
  LIVE,
  LOCK,
  mapGeometry,
  OWNERS_AT,
  REPAIRS,
  SEED,
  STATE,
  STATUS_MASK,
  type MapGeometry,
  type MapShape,
} from './map-layout.ts';
import { addTo, type NumberField } from './map-number.ts';
import { openMapRegion } from './map-region.ts';
import { MapTable } from './map-table.ts';
import { acquire, release } from './owned-lock.ts';
import { copyWords, ownedCopy } from './owned-copy.ts';
import { Owner } from './owner.ts';
import type { Region, NamedRegionOptions } from './region.ts';
import { setBytes } from './set-bytes.ts';

export interface SharedMapOptions
  extends MapShape, Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime' | 'layout'> {
  /** Most entries. They take about `capacity * 2 * (8 + keyBytes + 2 * valueBytes)` bytes of /dev/shm. */
  readonly capacity: number;
  /** Largest key, 1..1024. A shorter one is padded with zero bytes: those at its end do not count. */
  readonly keyBytes: number;
  /** Of every value, exactly: 1..2^20. */
  readonly valueBytes: number;
  /** How long a change waits for another process that was stopped in the middle of one. @default 5000 */
  readonly timeoutMs?: number | undefined;
}

/** A reader looks again when the entry changed under it; so often in a row only damaged memory does that. */
const maxAttempts = 100_000;
/** `entries` looks again when entries moved; after that it keeps writers out for a moment. */
const entryAttempts = 8;
const firstNumber: NumberField = {};

/**
 * A hash map that processes share: caches, sessions, rate limits.
 *
 * Reading takes no lock and waits for nobody. Those who change entries take turns by segment, for well under a
 * microsecond; one who is killed in the middle of a change leaves the old value or the new one, and the next
 * to change something there repairs the rest.
 *
 * Thread: any, each with an object of its own. Layout: docs/wire-formats/map.md.
 */
export class SharedMap implements Disposable {
  readonly capacity: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly #region: Region;
  readonly #owner: Owner;
  readonly #words: Int32Array;
  readonly #geometry: MapGeometry;
  readonly #table: MapTable;
  readonly #timeoutMs: number;
  readonly #name: string;
  readonly #key: MapKey;
  /** A value on its way in or out. */
  readonly #value: Int32Array;
  readonly #valueBytes: Uint8Array;
  readonly #valueView: DataView;
  readonly #source: { readonly bytes: Uint8Array; readonly words: Int32Array };
  #changing = false;

  private constructor(region: Region, geometry: MapGeometry, timeoutMs: number) {
    this.capacity = geometry.capacity;
    this.keyBytes = geometry.keyBytes;
    this.valueBytes = geometry.valueBytes;
    this.#region = region;
    this.#words = region.words;
    this.#geometry = geometry;
    this.#table = new MapTable(region.words, geometry, Atomics.load(region.words, SEED));
    this.#timeoutMs = timeoutMs;
    this.#name = region.name ?? '';
    this.#key = new MapKey(geometry.keyBytes, geometry.keyWords);
    this.#value = new Int32Array(geometry.valueWords);
    this.#valueBytes = new Uint8Array(this.#value.buffer, 0, geometry.valueBytes);
    this.#valueView = new DataView(this.#value.buffer, 0, geometry.valueBytes);
    this.#source = { words: this.#value, bytes: new Uint8Array(this.#value.buffer) };
    this.#owner = Owner.join(region, OWNERS_AT);
  }

  /**
   * Opens the map of this name, or creates it.
   *
   * @throws {RangeError} An option out of range. @throws {IpcError} ERR_IPC_MISMATCH when it exists with another shape;
   *   ERR_IPC_LIMIT when it is open 255 times; ERR_IPC_CORRUPT; and as `Region.openOrCreate`.
   */
  static open(name: string, options: SharedMapOptions): SharedMap {
    const geometry = mapGeometry(options);
    const { timeoutMs = 5000 } = options;
    if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs must be 0 or more, got ${timeoutMs}`);
    const region = openMapRegion(name, geometry, options);
    try {
      return new SharedMap(region, geometry, timeoutMs);
    } catch (error) {
      region.close();
      throw error;
    }
  }

  /** Entries at this moment. Cost: one atomic load per segment, of which there are up to 64. @throws {IpcError} ERR_IPC_CLOSED. */
  get size(): number {
    return this.#sum(COUNT);
  }

  /** How often a segment was repaired after somebody died while changing it. */
  get repairs(): number {
    return this.#sum(REPAIRS);
  }

  /**
   * The value of a key, in memory of its own.
   *
   * @throws {TypeError} Called from within `update`; a key that is neither text nor bytes. @throws {RangeError} Over `keyBytes`.
   * @throws {IpcError} ERR_IPC_CORRUPT; ERR_IPC_CLOSED. Cost: about 150 ns for a short key; no lock, no system call.
   */
  get(key: string | Uint8Array): Uint8Array | undefined {
    return this.#read(key) ? ownedCopy(this.#source, 0, this.valueBytes) : undefined;
  }

  /** Copies the value of a key to `target` from `offset` on; false, and nothing copied, when there is none. Allocates nothing. Throws as `get`; {RangeError} It does not fit. */
  getInto(key: string | Uint8Array, target: Uint8Array, offset = 0): boolean {
    if (!this.#read(key)) return false;
    setBytes(target, this.#valueBytes, offset);
    return true;
  }

  /** Whether there is such a key. Throws as `get`. */
  has(key: string | Uint8Array): boolean {
    return this.#read(key);
  }

  /**
   * Sets the value of a key. Readers see the old one or the new one, never a mixture.
   *
   * @throws {RangeError} Not `valueBytes` long; a key over `keyBytes`. @throws {TypeError} As `get`.
   * @throws {IpcError} ERR_IPC_LIMIT when the map is full, or when a stopped process keeps it from being changed for `timeoutMs`;
   *   ERR_IPC_CORRUPT; ERR_IPC_CLOSED. Cost: about 250 ns; a system call only to wait, or to find somebody dead.
   */
  set(key: string | Uint8Array, value: Uint8Array): void {
    if (value.length !== this.valueBytes) {
      throw new RangeError(`values have exactly ${this.valueBytes} bytes, got ${value.length}`);
    }
    const hash = this.#hash(key);
    setBytes(this.#valueBytes, value, 0);
    const segment = this.#acquire(this.#table.segmentOf(hash));
    try {
      this.#publish(segment, this.#table.find(segment, hash, this.#key.words, true));
    } finally {
      release(this.#words, segment + LOCK);
    }
  }

  /**
   * Changes a value while nobody else can: `change` gets a copy, zeros for a new key, and what it leaves there becomes the value.
   *
   * Keep it short: others wait. @param change - Returning false, or throwing, leaves everything as it was. It must not use the map.
   * @returns Whether the value was set. Throws as `set`, and what `change` throws.
   */
  update(key: string | Uint8Array, change: (value: Uint8Array, isNew: boolean) => unknown): boolean {
    const hash = this.#hash(key);
    const segment = this.#acquire(this.#table.segmentOf(hash));
    try {
      const slot = this.#load(segment, hash);
      this.#changing = true;
      if (change(this.#valueBytes, !this.#isLive(slot)) === false) return false;
      this.#publish(segment, slot);
      return true;
    } finally {
      this.#changing = false;
      release(this.#words, segment + LOCK);
    }
  }

  /**
   * Adds to a number in a value, atomically, and returns the sum. A new key starts with a value of zeros.
   *
   * @throws {RangeError} The field is not inside the value; an i64 that is no safe integer. Else throws as `set`. Cost: as `set`.
   */
  add(key: string | Uint8Array, amount: number, field: NumberField = firstNumber): number {
    const hash = this.#hash(key);
    const segment = this.#acquire(this.#table.segmentOf(hash));
    try {
      const slot = this.#load(segment, hash);
      const sum = addTo(this.#valueView, field, amount);
      this.#publish(segment, slot);
      return sum;
    } finally {
      release(this.#words, segment + LOCK);
    }
  }

  /** Removes a key; false when there was none. Throws as `set`. Cost: as `set`, and a move of one entry on average. */
  delete(key: string | Uint8Array): boolean {
    const hash = this.#hash(key);
    const segment = this.#acquire(this.#table.segmentOf(hash));
    try {
      const slot = this.#table.find(segment, hash, this.#key.words, false);
      if (slot < 0) return false;
      this.#table.delete(segment, slot);
      return true;
    } finally {
      release(this.#words, segment + LOCK);
    }
  }

  /** Every entry that is there all the time, once; those that come or go meanwhile may be left out. Each is whole. Throws as `set`. */
  *entries(): Generator<SharedMapEntry, undefined> {
    for (let number = 0; number < this.#geometry.segments; number++) yield* this.#entriesOf(number);
  }

  /** The map stays. Idempotent. */
  close(): void {
    if (!this.#region.isOpen) return;
    this.#owner.leave();
    this.#region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Copies the value of a key to `#value`. */
  #read(key: string | Uint8Array): boolean {
    const hash = this.#hash(key);
    const words = this.#words;
    const table = this.#table;
    const segment = table.segmentOf(hash);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const epoch = Atomics.load(words, segment + EPOCH);
      const slot = table.find(segment, hash, this.#key.words, false);
      if (slot < 0) {
        fence();
        if (Atomics.load(words, segment + EPOCH) === epoch) return false;
        continue; // entries moved: it may have been moved to where we had looked
      }
      copyWords(words, table.valueAt(slot, table.foundState), this.#value, 0, this.valueBytes);
      fence();
      if (Atomics.load(words, slot + STATE) === table.foundState) return true;
    }
    throw new IpcError('ERR_IPC_CORRUPT', `map "${this.#name}" is damaged: it never stands still`);
  }

  #hash(key: string | Uint8Array): number {
    this.#check();
    this.#key.set(key);
    return this.#table.hash(this.#key.words, 0);
  }

  #check(): void {
    if (!this.#region.isOpen) throw closedError('map');
    if (this.#changing) throw new TypeError(`map "${this.#name}" must not be used from within its update`);
  }

  /** Locks a segment, and makes it whole if its last owner died. */
  #acquire(segment: number): number {
    const died = acquire(this.#words, segment + LOCK, this.#owner, this.#timeoutMs, this.#name);
    if (died) this.#table.repair(segment);
    return segment;
  }

  /** Where the key is or would be; its value, or zeros, in `#value`. The lock's owner only. */
  #load(segment: number, hash: number): number {
    const slot = this.#table.find(segment, hash, this.#key.words, true);
    if (this.#isLive(slot)) {
      copyWords(
        this.#words,
        this.#table.valueAt(slot, this.#table.foundState),
        this.#value,
        0,
        this.valueBytes,
      );
    } else {
      this.#value.fill(0);
    }
    return slot;
  }

  #isLive(slot: number): boolean {
    return slot >= 0 && (this.#table.foundState & STATUS_MASK) === LIVE;
  }

  #publish(segment: number, slot: number): void {
    if (slot < 0 || (!this.#isLive(slot) && this.size >= this.capacity)) throw this.#full();
    const table = this.#table;
    table.publish(segment, slot, table.foundState, this.#key.words, 0, this.#value, 0);
  }

  #entriesOf(number: number): SharedMapEntry[] {
    this.#check();
    const segment = this.#table.segmentAt(number);
    for (let attempt = 0; attempt < entryAttempts; attempt++) {
      const epoch = Atomics.load(this.#words, segment + EPOCH);
      const found = entriesOf(this.#words, this.#table, segment);
      if (Atomics.load(this.#words, segment + EPOCH) === epoch) return found;
    }
    this.#acquire(segment);
    try {
      return entriesOf(this.#words, this.#table, segment);
    } finally {
      release(this.#words, segment + LOCK);
    }
  }

  #sum(word: number): number {
    if (!this.#region.isOpen) throw closedError('map');
    let sum = 0;
    for (let number = 0; number < this.#geometry.segments; number++) {
      sum += Atomics.load(this.#words, this.#table.segmentAt(number) + word);
    }
    return sum;
  }

  #full(): IpcError {
    return new IpcError(
      'ERR_IPC_LIMIT',
      `map "${this.#name}" is full: it has ${this.size} entries, its capacity is ${this.capacity} and 1 more is needed; ` +
        'delete some, or create it with a larger { capacity }',
      { name: this.#name },
    );
  }
}
