import { closedError, fromErrno, IpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { BellLines } from './bell-lines.ts';
import {
  latestBytes,
  latestKind,
  readShape,
  SEQUENCE,
  SLEEPERS,
  SLEEPING_READERS,
  SLOT_HEADER_BYTES,
  slotBytes,
  SLOTS,
  SLOTS_AT,
  waitersOf,
  WRITER_LOCK_BYTE,
  writeShape,
  type LatestShape,
} from './latest-layout.ts';
import type { ParticipantTable } from './participant.ts';
import { LINE_WORDS } from './participants-layout.ts';
import { Region, type NamedRegionOptions } from './region.ts';

export interface LatestOptions extends Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime'> {
  /** Largest value in bytes. */
  readonly maxBytes: number;
  /** How many readers may wait for values on an event loop at once, 0..255; each takes 128 bytes. Others need none of these. @default 16 */
  readonly participants?: number | undefined;
}

/** The writing end of a latest value: a blackboard with one writer and any number of readers. */
export class LatestWriter implements Disposable {
  readonly maxBytes: number;
  readonly #region: Region;
  readonly #slotBytes: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #waiters: ParticipantTable;
  readonly #bells: BellLines;
  #sequence: number;

  private constructor(region: Region, shape: LatestShape) {
    this.#region = region;
    this.maxBytes = shape.maxBytes;
    this.#slotBytes = slotBytes(shape.maxBytes);
    this.#words = region.words;
    this.#bytes = region.bytesView;
    this.#waiters = waitersOf(region, shape);
    this.#bells = new BellLines(region.words);
    this.#sequence = Atomics.load(region.words, SEQUENCE);
  }

  /**
   * Opens the value of this name for writing, or creates it. What a writer that died has published stays readable.
   *
   * @throws {IpcError} ERR_IPC_EXISTS while it has a living writer; ERR_IPC_MISMATCH when it exists with another `maxBytes` or other
   *   `participants`; and as `Region.openOrCreate`. @throws {RangeError} `maxBytes` is not in 1..2^28, `participants` not in 0..255.
   */
  static open(name: string, options: LatestOptions): LatestWriter {
    const { maxBytes, participants = 16 } = options;
    const region = Region.openOrCreate(name, {
      ...options,
      kind: latestKind,
      bytes: latestBytes({ maxBytes, participants }),
      initialise: ({ words }) => {
        writeShape(words, { maxBytes, participants });
      },
    });
    try {
      const found = readShape(region);
      if (found.maxBytes !== maxBytes || found.participants !== participants) {
        throw new IpcError(
          'ERR_IPC_MISMATCH',
          `latest value "${name}" has maxBytes ${found.maxBytes} and ${found.participants} participants, expected ${maxBytes} and ${participants}`,
          { name },
        );
      }
      if (!native.ofdLock(region.descriptor, 'exclusive', WRITER_LOCK_BYTE, 1)) {
        throw new IpcError('ERR_IPC_EXISTS', `latest value "${name}" has a writer`, { name });
      }
      return new LatestWriter(region, found);
    } catch (error) {
      region.close();
      throw fromErrno(error, 'open', name);
    }
  }

  /**
   * Replaces the value, and wakes readers that wait.
   *
   * @throws {IpcError} ERR_IPC_TOO_LARGE over `maxBytes`; ERR_IPC_CLOSED.
   * Thread: the one that opened it. Cost: one copy, an atomic exchange and two loads; system calls only when somebody waits.
   */
  publish(value: Uint8Array): void {
    if (!this.#region.isOpen) throw closedError('latest value');
    if (value.length > this.maxBytes) {
      throw new IpcError(
        'ERR_IPC_TOO_LARGE',
        `value of ${value.length} bytes exceeds maxBytes, which is ${this.maxBytes}`,
      );
    }
    const sequence = (this.#sequence + 1) | 0 || SLOTS; // zero says that there is no value
    const at = SLOTS_AT + (sequence & (SLOTS - 1)) * this.#slotBytes;
    this.#words[at >> 2] = sequence;
    this.#words[(at >> 2) + 1] = value.length;
    this.#bytes.set(value, at + SLOT_HEADER_BYTES);
    this.#sequence = sequence;
    // An exchange, not a store: the next value's bytes must not become visible before this number does.
    Atomics.exchange(this.#words, SEQUENCE, sequence);
    if (Atomics.load(this.#words, SLEEPERS) !== 0) native.futexWake(this.#words, SEQUENCE, 2 ** 31 - 1);
    const sleeping = Atomics.load(this.#words, SLEEPING_READERS);
    if ((sleeping & 1) !== 0) this.#ring(sleeping);
  }

  /** Lets another writer in. The value stays. Idempotent. */
  close(): void {
    this.#bells.close();
    this.#region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** As `wakeAll` of sleepers.ts, by one who takes no part itself. */
  #ring(sleeping: number): void {
    const { at, capacity } = this.#waiters;
    for (let number = 0; number < capacity; number++) this.#bells.ring(at + number * LINE_WORDS);
    Atomics.compareExchange(this.#words, SLEEPING_READERS, sleeping, sleeping & ~1);
  }
}
