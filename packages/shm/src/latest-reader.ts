import { closedError, IpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { ChunkView } from './chunk-view.ts';
import { CutShort } from './cut-short.ts';
import { fence } from './fence.ts';
import {
  latestKind,
  readShape,
  SAFE_LEAD,
  SEQUENCE,
  SLEEPERS,
  SLEEPING_READERS,
  SLOT_HEADER_BYTES,
  slotBytes,
  SLOTS,
  SLOTS_AT,
  waitersOf,
  type LatestShape,
} from './latest-layout.ts';
import { ownedCopy } from './owned-copy.ts';
import { Participant } from './participant.ts';
import { READER } from './participants-layout.ts';
import { Region } from './region.ts';
import { setBytes } from './set-bytes.ts';
import { TakeWait } from './take-wait.ts';
import type { BlockingSource, BlockingWait } from './wait-any-sync.ts';

export interface ReadLatestOptions {
  /** Longest spin before sleeping on the event loop, in microseconds. @default 50 */
  readonly spinUs?: number | undefined;
}

/** A reader copies again when the writer has overtaken it; so often in a row only a damaged sequence does that. */
const maxAttempts = 100_000;

/** A reading end of a latest value. Any number of them, in any processes; none can hold the writer up. */
export class LatestReader implements BlockingSource, Disposable {
  readonly maxBytes: number;
  readonly #region: Region;
  readonly #shape: LatestShape;
  readonly #spinUs: number;
  readonly #slotBytes: number;
  readonly #source: { readonly bytes: Uint8Array; readonly words: Int32Array };
  /** The payloads of the slots. */
  readonly #slots: readonly ChunkView[];
  #waiter: { readonly participant: Participant; readonly wait: TakeWait<Uint8Array> } | undefined;
  #seen = 0;
  /** Of the value read last. */
  #length = 0;

  private constructor(region: Region, shape: LatestShape, { spinUs = 50 }: ReadLatestOptions) {
    const { maxBytes } = shape;
    this.#region = region;
    this.#shape = shape;
    this.#spinUs = spinUs;
    this.maxBytes = maxBytes;
    this.#slotBytes = slotBytes(maxBytes);
    this.#source = { bytes: region.bytesView, words: region.words };
    this.#slots = Array.from({ length: SLOTS }, (_, slot) => {
      const at = SLOTS_AT + slot * this.#slotBytes + SLOT_HEADER_BYTES;
      return new ChunkView(region.bytesView.subarray(at, at + maxBytes));
    });
  }

  /** @throws {IpcError} ERR_IPC_NOT_FOUND when nobody has created it; else as `Region.open`. */
  static open(name: string, options: ReadLatestOptions = {}): LatestReader {
    const region = Region.open(name, { kind: latestKind });
    try {
      return new LatestReader(region, readShape(region), options);
    } catch (error) {
      region.close();
      throw error;
    }
  }

  /** Whether there is a value that this end has not read yet. Cost: one atomic load. @throws {IpcError} ERR_IPC_CLOSED. */
  get changed(): boolean {
    this.#check();
    return this.#hasChanged();
  }

  /**
   * The latest value, whole, in memory of its own; `undefined` before the first one.
   *
   * @throws {IpcError} ERR_IPC_CORRUPT when the memory is damaged; ERR_IPC_CLOSED.
   * Cost: one copy between two atomic operations; it never waits, not even for a writer that was killed or stopped.
   */
  read(): Uint8Array | undefined {
    this.#check();
    return this.#copy(undefined);
  }

  /**
   * As `read`, into the first bytes of `target`: allocates nothing.
   *
   * @param target - Of at least `maxBytes` bytes. What is behind the value may have been written to.
   * @returns How long the value is; `undefined` before the first one.
   * @throws {RangeError} `target` is too short. @throws {IpcError} As `read`.
   */
  readInto(target: Uint8Array): number | undefined {
    this.#check();
    if (target.length < this.maxBytes) {
      throw new RangeError(`target must have at least ${this.maxBytes} bytes, got ${target.length}`);
    }
    return this.#copy(target) === undefined ? undefined : this.#length;
  }

  /**
   * The latest value, as soon as there is one that this end has not read yet. Values in between are left out.
   *
   * Several calls that wait get one value each, in the order of the calls.
   * @throws {IpcError} As `read`; ERR_IPC_LIMIT when as many readers as there are `participants` wait already. An abort rejects with `signal.reason`.
   */
  async next({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Uint8Array> {
    this.#check();
    return this.#wait().wait(signal);
  }

  /** Resolves when there is a value that this end has not read yet, and reads none: for `waitAny`. @throws {IpcError} As `next`. */
  async ready({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#check();
    await this.#wait().ready(signal);
  }

  /**
   * Blocks this thread until there is a value that this end has not read yet.
   *
   * @param timeoutMs - -1 waits for ever. @returns False when the time is over.
   * @throws {IpcError} ERR_IPC_CORRUPT when the region was cut short; ERR_IPC_CLOSED. Source: futex(2).
   */
  waitSync({ timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {}): boolean {
    const { words } = this.#source;
    const cutShort = new CutShort(this.#region);
    const deadline = performance.now() + timeoutMs;
    this.#check();
    Atomics.add(words, SLEEPERS, 1);
    try {
      while (!this.changed) {
        cutShort.check();
        const left = timeoutMs < 0 ? -1 : deadline - performance.now();
        if (timeoutMs >= 0 && left <= 0) return false;
        native.futexWait(words, SEQUENCE, this.#seen, cutShort.limit(left));
      }
      return true;
    } finally {
      Atomics.sub(words, SLEEPERS, 1);
    }
  }

  /** @internal For `waitAnySync`. */
  blockingWait(): BlockingWait {
    this.#check();
    return this.#wait();
  }

  /** Idempotent. */
  close(): void {
    this.#waiter?.wait.close();
    this.#waiter?.participant.leave();
    this.#waiter = undefined;
    this.#region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #check(): void {
    if (!this.#region.isOpen) throw closedError('latest value');
  }

  #hasChanged(): boolean {
    return Atomics.load(this.#source.words, SEQUENCE) !== this.#seen;
  }

  /** Who has waited on the event loop once takes part from then on: it can be rung. */
  #wait(): TakeWait<Uint8Array> {
    if (this.#waiter === undefined) {
      const participant = Participant.join(waitersOf(this.#region, this.#shape), READER, 0);
      const wait = new TakeWait(
        'latest value',
        this.#region,
        SLEEPING_READERS,
        participant,
        this.#spinUs,
        () => this.#hasChanged(),
        () => (this.#hasChanged() ? (this.#copy(undefined) ?? this.#fail()) : undefined),
      );
      this.#waiter = { participant, wait };
    }
    return this.#waiter.wait;
  }

  /** @returns The value: `target`, or memory of its own; `undefined` before the first one. @throws {IpcError} ERR_IPC_CORRUPT. */
  #copy(target: Uint8Array | undefined): Uint8Array | undefined {
    const { words } = this.#source;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const sequence = Atomics.load(words, SEQUENCE);
      if (sequence === 0) return undefined;
      const slot = sequence & (SLOTS - 1);
      const at = SLOTS_AT + slot * this.#slotBytes;
      const written = words[at >> 2];
      const length = words[(at >> 2) + 1] as number;
      const fits = written === sequence && length >= 0 && length <= this.maxBytes;
      const value = fits ? this.#copySlot(slot, at, length, target) : undefined;
      fence();
      const lead = (Atomics.load(words, SEQUENCE) - sequence) | 0;
      if (lead < 0 || lead > SAFE_LEAD) continue; // the writer came round while we copied
      if (value === undefined) break;
      this.#seen = sequence;
      this.#length = length;
      return value;
    }
    return this.#fail();
  }

  #fail(): never {
    throw new IpcError('ERR_IPC_CORRUPT', `latest value "${this.#region.name ?? ''}" is damaged`);
  }

  #copySlot(slot: number, at: number, length: number, target: Uint8Array | undefined): Uint8Array {
    if (target === undefined) return ownedCopy(this.#source, at + SLOT_HEADER_BYTES, length);
    setBytes(target, (this.#slots[slot] as ChunkView).first(length), 0);
    return target;
  }
}
