import { closedError, fromErrno, IpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { fence } from './fence.ts';
import {
  checkMaxBytes,
  latestBytes,
  latestKind,
  MAX_BYTES,
  SAFE_LEAD,
  SEQUENCE,
  SLEEPERS,
  SLOT_HEADER_BYTES,
  slotBytes,
  SLOTS,
  SLOTS_AT,
  WRITER_LOCK_BYTE,
} from './latest-layout.ts';
import { ownedCopy } from './owned-copy.ts';
import { Region, type NamedRegionOptions } from './region.ts';

export interface LatestOptions extends Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime'> {
  /** Largest value in bytes. */
  readonly maxBytes: number;
}

/** A reader copies again when the writer has overtaken it; so often in a row only a damaged sequence does that. */
const maxAttempts = 100_000;

/** The writing end of a latest value: a blackboard with one writer and any number of readers. */
export class LatestWriter implements Disposable {
  readonly maxBytes: number;
  readonly #region: Region;
  readonly #slotBytes: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  #sequence: number;

  private constructor(region: Region, maxBytes: number) {
    this.#region = region;
    this.maxBytes = maxBytes;
    this.#slotBytes = slotBytes(maxBytes);
    this.#words = region.words;
    this.#bytes = region.bytesView;
    this.#sequence = Atomics.load(region.words, SEQUENCE);
  }

  /**
   * Opens the value of this name for writing, or creates it. What a writer that died has published stays readable.
   *
   * @throws {IpcError} ERR_IPC_EXISTS while it has a living writer; ERR_IPC_MISMATCH when it exists with another `maxBytes`;
   *   and as `Region.openOrCreate`. @throws {RangeError} `maxBytes` is not in 1..2^28.
   */
  static open(name: string, options: LatestOptions): LatestWriter {
    const maxBytes = checkMaxBytes(options.maxBytes);
    const region = Region.openOrCreate(name, {
      ...options,
      kind: latestKind,
      bytes: latestBytes(maxBytes),
      initialise: ({ words }) => (words[MAX_BYTES] = maxBytes),
    });
    try {
      const found = maxBytesOf(region, name);
      if (found !== maxBytes) {
        throw new IpcError(
          'ERR_IPC_MISMATCH',
          `latest value "${name}" has maxBytes ${found}, expected ${maxBytes}`,
          { name },
        );
      }
      if (!native.ofdLock(region.descriptor, 'exclusive', WRITER_LOCK_BYTE, 1)) {
        throw new IpcError('ERR_IPC_EXISTS', `latest value "${name}" has a writer`, { name });
      }
      return new LatestWriter(region, maxBytes);
    } catch (error) {
      region.close();
      throw fromErrno(error, 'open', name);
    }
  }

  /**
   * Replaces the value, and wakes readers that wait in `waitSync`.
   *
   * @throws {IpcError} ERR_IPC_TOO_LARGE over `maxBytes`; ERR_IPC_CLOSED.
   * Thread: the one that opened it. Cost: one copy, an atomic store and load; a system call only when somebody waits.
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
  }

  /** Lets another writer in. The value stays. Idempotent. */
  close(): void {
    this.#region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A reading end of a latest value. Any number of them, in any processes; none can hold the writer up. */
export class LatestReader implements Disposable {
  readonly maxBytes: number;
  readonly #region: Region;
  readonly #slotBytes: number;
  readonly #source: { readonly bytes: Uint8Array; readonly words: Int32Array };
  #seen = 0;

  private constructor(region: Region, maxBytes: number) {
    this.#region = region;
    this.maxBytes = maxBytes;
    this.#slotBytes = slotBytes(maxBytes);
    this.#source = { bytes: region.bytesView, words: region.words };
  }

  /** @throws {IpcError} ERR_IPC_NOT_FOUND when nobody has created it; else as `Region.open`. */
  static open(name: string): LatestReader {
    const region = Region.open(name, { kind: latestKind });
    try {
      return new LatestReader(region, maxBytesOf(region, name));
    } catch (error) {
      region.close();
      throw error;
    }
  }

  /** Whether there is a value that `read` has not returned yet. Cost: one atomic load. @throws {IpcError} ERR_IPC_CLOSED. */
  get changed(): boolean {
    return this.#sequence() !== this.#seen;
  }

  /**
   * The latest value, whole, in memory of its own; `undefined` before the first one.
   *
   * @throws {IpcError} ERR_IPC_CORRUPT when the memory is damaged; ERR_IPC_CLOSED.
   * Cost: one copy between two atomic operations; it never waits, not even for a writer that was killed or stopped.
   */
  read(): Uint8Array | undefined {
    if (!this.#region.isOpen) throw closedError('latest value');
    const { words } = this.#source;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const sequence = Atomics.load(words, SEQUENCE);
      if (sequence === 0) return undefined;
      const at = SLOTS_AT + (sequence & (SLOTS - 1)) * this.#slotBytes;
      const written = words[at >> 2];
      const length = words[(at >> 2) + 1] as number;
      const fits = written === sequence && length >= 0 && length <= this.maxBytes;
      const value = fits ? ownedCopy(this.#source, at + SLOT_HEADER_BYTES, length) : undefined;
      fence();
      const lead = (Atomics.load(words, SEQUENCE) - sequence) | 0;
      if (lead < 0 || lead > SAFE_LEAD) continue; // the writer came round while we copied
      if (value === undefined) break;
      this.#seen = sequence;
      return value;
    }
    throw new IpcError('ERR_IPC_CORRUPT', `latest value "${this.#region.name ?? ''}" is damaged`);
  }

  /**
   * Blocks this thread until there is a value that `read` has not returned yet.
   *
   * @param timeoutMs - -1 waits for ever. @returns False when the time is over.
   * @throws {IpcError} ERR_IPC_CLOSED. Source: futex(2).
   */
  waitSync({ timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {}): boolean {
    const { words } = this.#source;
    const deadline = performance.now() + timeoutMs;
    Atomics.add(words, SLEEPERS, 1);
    try {
      while (!this.changed) {
        const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - performance.now());
        if (native.futexWait(words, SEQUENCE, this.#seen, left) === 'timed-out') return this.changed;
      }
      return true;
    } finally {
      Atomics.sub(words, SLEEPERS, 1);
    }
  }

  /** Idempotent. */
  close(): void {
    this.#region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #sequence(): number {
    if (!this.#region.isOpen) throw closedError('latest value');
    return Atomics.load(this.#source.words, SEQUENCE);
  }
}

/** @throws {IpcError} ERR_IPC_CORRUPT when the region does not have the size that its own word says. */
function maxBytesOf(region: Region, name: string): number {
  const maxBytes = Atomics.load(region.words, MAX_BYTES);
  if (maxBytes < 1 || latestBytes(maxBytes) !== region.bytes) {
    throw new IpcError(
      'ERR_IPC_CORRUPT',
      `latest value "${name}": ${region.bytes} bytes do not hold values of ${maxBytes}`,
      { name },
    );
  }
  return maxBytes;
}
