import { closedError, IpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { Counter, Gauge } from './counter.ts';
import {
  CAPACITY,
  checkCounters,
  CLAIM_LOCK_BYTE,
  countersBytes,
  countersKind,
  DIRECTORY_AT,
  MAX_NAME_BYTES,
  NAME_AT,
  NAME_LENGTH_AT,
  SLOT_BYTES,
  slotsAt,
  SPARE_SLOTS,
  TYPE_AT,
  types,
  type CounterType,
} from './counters-layout.ts';
import { Region, type NamedRegionOptions } from './region.ts';

export interface CountersOptions extends Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime'> {
  /** How many names there is room for, 256 bytes each; who finds the counters takes what they have. @default 256 */
  readonly capacity?: number | undefined;
}

export interface CounterInfo {
  readonly name: string;
  readonly type: CounterType;
  /** Exact up to 2^53, rounded beyond. */
  readonly value: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Looks at counters from outside, without write permission, while others count. Nobody notices. */
export class CountersReader implements Disposable {
  readonly capacity: number;
  protected readonly region: Region;
  protected readonly values: BigInt64Array;
  readonly #names: Uint8Array;

  /** @internal Closes `region` when it is damaged. */
  protected constructor(region: Region) {
    const capacity = Atomics.load(region.words, CAPACITY);
    if (capacity < 1 || countersBytes(capacity) !== region.bytes) {
      region.close();
      throw new IpcError(
        'ERR_IPC_CORRUPT',
        `counters "${region.name ?? ''}": ${region.bytes} bytes do not hold ${capacity}`,
      );
    }
    this.region = region;
    this.capacity = capacity;
    this.values = new BigInt64Array(region.buffer, region.offset, region.bytes >>> 3);
    this.#names = region.bytesView;
  }

  /** @throws {IpcError} ERR_IPC_NOT_FOUND when nobody has created them; else as `Region.open`. */
  static open(name: string): CountersReader {
    return new CountersReader(Region.open(name, { kind: countersKind, readOnly: true }));
  }

  /** All counters in the order of their creation. @throws {IpcError} ERR_IPC_CORRUPT; ERR_IPC_CLOSED. */
  list(): CounterInfo[] {
    const found: CounterInfo[] = [];
    for (let entry = 0, slot = this.linked(0); slot !== undefined; slot = this.linked(++entry)) {
      const at = this.slotAt(slot);
      const value = Number(Atomics.load(this.values, at >> 3));
      found.push({ name: this.nameAt(at), type: this.typeAt(at), value });
    }
    return found;
  }

  /** The value of a counter; `undefined` when there is none of that name. Cost: O(names). Throws as `list`. */
  get(name: string): number | undefined {
    const slot = this.find(name, 0).slot;
    return slot === undefined ? undefined : Number(Atomics.load(this.values, this.slotAt(slot) >> 3));
  }

  /** Idempotent. */
  close(): void {
    this.region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The slot that an entry of the directory names. */
  protected linked(entry: number): number | undefined {
    if (!this.region.isOpen) throw closedError('counters');
    if (entry >= this.capacity) return undefined;
    const slot = Atomics.load(this.region.words, (DIRECTORY_AT >> 2) + entry) - 1;
    if (slot === -1) return undefined;
    if (slot < -1 || slot >= this.capacity + SPARE_SLOTS) throw this.damaged(`entry ${entry}`);
    return slot;
  }

  /** The slot of a name, looked for from `entry` on, and otherwise the entry behind the last. */
  protected find(name: string, entry: number): { readonly slot: number | undefined; readonly entry: number } {
    for (; ; entry++) {
      const slot = this.linked(entry);
      if (slot === undefined || this.nameAt(this.slotAt(slot)) === name) return { slot, entry };
    }
  }

  protected slotAt(slot: number): number {
    return slotsAt(this.capacity) + slot * SLOT_BYTES;
  }

  protected typeAt(at: number): CounterType {
    const number = this.region.view.getUint32(at + TYPE_AT, true);
    if (number === types.counter) return 'counter';
    if (number === types.gauge) return 'gauge';
    throw this.damaged(`type ${number}`);
  }

  protected nameAt(at: number): string {
    const length = this.region.view.getUint32(at + NAME_LENGTH_AT, true);
    if (length > MAX_NAME_BYTES) throw this.damaged(`name of ${length} bytes`);
    return decoder.decode(this.#names.slice(at + NAME_AT, at + NAME_AT + length));
  }

  protected damaged(what: string): IpcError {
    return new IpcError('ERR_IPC_CORRUPT', `counters "${this.region.name ?? ''}" are damaged: ${what}`);
  }
}

/**
 * Named 64-bit counters and gauges that processes share: whoever asks for a name first creates it.
 *
 * They keep their values when the processes that count are gone, until the region is. Thread: any, each with an object of its own.
 */
export class Counters extends CountersReader {
  readonly #open = new Map<string, Counter>();

  /**
   * Opens the counters of this name, or creates them, for counting.
   *
   * @throws {RangeError} `capacity` is not in 1..2^20. @throws {IpcError} ERR_IPC_MISMATCH when they exist with less
   *   capacity than asked for; ERR_IPC_CORRUPT; and as `Region.openOrCreate`.
   */
  static override open(name: string, options: CountersOptions = {}): Counters {
    const capacity = checkCounters(options.capacity ?? 256);
    const region = Region.openOrCreate(name, {
      ...options,
      kind: countersKind,
      bytes: countersBytes(capacity),
      initialise: ({ words }) => (words[CAPACITY] = capacity),
    });
    const counters = new Counters(region);
    if (options.capacity === undefined || counters.capacity >= capacity) return counters;
    counters.close();
    throw new IpcError(
      'ERR_IPC_MISMATCH',
      `counters "${name}" have capacity ${counters.capacity}, expected ${capacity}`,
      { name },
    );
  }

  /**
   * The counter of this name, created at 0 if there is none. Keep it: this looks through all names.
   *
   * @throws {TypeError} An empty name, or one that is not text. @throws {RangeError} Over 112 bytes of UTF-8.
   * @throws {IpcError} ERR_IPC_LIMIT when all names are taken; ERR_IPC_MISMATCH when it is a gauge; ERR_IPC_CORRUPT; ERR_IPC_CLOSED.
   */
  counter(name: string): Counter {
    return this.#get(name, 'counter', Counter);
  }

  /** The gauge of this name, created at 0 if there is none. Throws as `counter`. */
  gauge(name: string): Gauge {
    return this.#get(name, 'gauge', Gauge);
  }

  #get<T extends Counter>(name: string, type: CounterType, Type: new (...args: CounterPlace) => T): T {
    if (!this.region.isOpen) throw closedError('counters');
    const known = this.#open.get(name);
    if (known?.constructor === Type) return known as T;
    const encoded = checkName(name);
    const { slot: existing, entry } = this.find(name, 0);
    const at = this.slotAt(existing ?? this.#claim(name, encoded, type, entry));
    const found = this.typeAt(at);
    if (found !== type) {
      throw new IpcError('ERR_IPC_MISMATCH', `"${name}" is a ${found}, expected a ${type}`, { name });
    }
    const counter = new Type(name, this.region, this.values, at >> 3);
    this.#open.set(name, counter);
    return counter;
  }

  /** Gives a slot this name, unless another process does so first; `entry` is where the directory ended. */
  #claim(name: string, encoded: Uint8Array, type: CounterType, entry: number): number {
    const slot = this.#lockSlot();
    if (slot === undefined) {
      const { slot: other } = this.find(name, entry); // the last one that fitted may have been this very name
      if (other === undefined) throw this.#full();
      return other;
    }
    try {
      const at = this.slotAt(slot);
      Atomics.store(this.values, at >> 3, 0n);
      this.region.view.setUint32(at + TYPE_AT, types[type], true);
      this.region.view.setUint32(at + NAME_LENGTH_AT, encoded.length, true);
      this.region.bytesView.set(encoded, at + NAME_AT);
      for (;;) {
        if (entry >= this.capacity) throw this.#full();
        const word = (DIRECTORY_AT >> 2) + entry;
        if (Atomics.compareExchange(this.region.words, word, 0, slot + 1) === 0) return slot;
        const other = this.find(name, entry); // somebody came first; with the same name?
        if (other.slot !== undefined) return other.slot;
        entry = other.entry;
      }
    } finally {
      native.ofdLock(this.region.descriptor, 'unlock', CLAIM_LOCK_BYTE + slot, 1);
    }
  }

  /** Locks a slot that has no name, if there is one. What was written there by somebody who died means nothing. */
  #lockSlot(): number | undefined {
    const { descriptor } = this.region;
    const named = this.#namedSlots();
    if (named.size === this.capacity) return undefined;
    for (let slot = 0; slot < this.capacity + SPARE_SLOTS; slot++) {
      if (named.has(slot) || !native.ofdLock(descriptor, 'exclusive', CLAIM_LOCK_BYTE + slot, 1)) continue;
      if (!this.#namedSlots().has(slot)) return slot;
      native.ofdLock(descriptor, 'unlock', CLAIM_LOCK_BYTE + slot, 1); // named since we looked
    }
    return undefined;
  }

  #namedSlots(): Set<number> {
    const slots = new Set<number>();
    for (let entry = 0, slot = this.linked(0); slot !== undefined; slot = this.linked(++entry))
      slots.add(slot);
    return slots;
  }

  #full(): IpcError {
    return new IpcError(
      'ERR_IPC_LIMIT',
      `all ${this.capacity} counters of "${this.region.name ?? ''}" are taken, 1 more is needed: create them with ` +
        `{ capacity: <count> }, or remove them with Region.unlink('${this.region.name ?? ''}', '${countersKind}')`,
    );
  }
}

type CounterPlace = ConstructorParameters<typeof Counter>;

function checkName(name: string): Uint8Array {
  if (typeof name !== 'string' || name === '') throw new TypeError('a counter needs a name');
  const encoded = encoder.encode(name);
  if (decoder.decode(encoded) !== name) throw new TypeError('a lone surrogate has no UTF-8');
  if (encoded.length > MAX_NAME_BYTES) {
    throw new RangeError(`a counter's name has at most ${MAX_NAME_BYTES} bytes, got ${encoded.length}`);
  }
  return encoded;
}
