import { DEFAULT_MAX_MESSAGE_BYTES, IpcError } from '@ipc/core';
import { ownedCopy } from './owned-copy.ts';
import { Assembly } from './ring-assembly.ts';
import {
  BEGIN,
  DATA,
  distance,
  HEAD,
  PADDING,
  PIECE,
  READER_CLOSED,
  READER_SLEEPS,
  RECORD_HEADER_BYTES,
  recordBytes,
  TAIL,
  CLOSED,
  ENDED,
  WRITER_CLOSED,
  WRITER_WAITS,
  type RingMemory,
} from './ring-layout.ts';
import { LentStretch, OwnedStretch } from './ring-stretch.ts';

/**
 * The reading end of a ring. One thread of one process owns it.
 *
 * Whatever the memory holds, reading stays inside the ring and ends: damage is ERR_IPC_CORRUPT. Room is given back
 * when everything known is read, or an eighth of the ring: one atomic store for many messages.
 */
export class RingReader {
  readonly capacityBytes: number;
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #control: Int32Array;
  readonly #mask: number;
  readonly #quantum: number;
  readonly #wakeWriter: () => void;
  /** Everything before `#tail` is read; the writer knows of everything before `#released`. */
  #tail: number;
  #released: number;
  /** Where the writer was when last looked at. */
  #head: number;
  /** What `#next` found: payload bytes, in the ring unless the message came in pieces. */
  #length = 0;
  #whole: Uint8Array | undefined;
  readonly #assembly: Assembly;
  #lending = false;
  /** At most one of the two holds anything, and then its next message is the one at `#tail`. */
  readonly #owned = new OwnedStretch();
  readonly #lent = new LentStretch();

  /**
   * @param wakeWriter - Called when the writer waits for room and has it.
   * @param maxMessageBytes - Of a message that comes in pieces: what is longer is damage.
   */
  constructor(
    memory: RingMemory,
    wakeWriter: () => void = () => undefined,
    maxMessageBytes: number = DEFAULT_MAX_MESSAGE_BYTES,
  ) {
    this.#assembly = new Assembly(maxMessageBytes);
    this.capacityBytes = memory.capacityBytes;
    this.#memory = memory;
    this.#words = memory.words;
    this.#control = memory.control;
    this.#mask = memory.capacityBytes - 1;
    this.#quantum = memory.capacityBytes >>> 3;
    this.#wakeWriter = wakeWriter;
    this.#tail = this.#released = this.#head = Atomics.load(memory.control, TAIL);
  }

  /** True once the writer has finished: what is in the ring is all there will be. */
  get isFinished(): boolean {
    return Atomics.load(this.#control, WRITER_CLOSED) === CLOSED;
  }

  /** True once the writer has ended and all was read. The word first: what was published before it is seen behind it. */
  get isEnded(): boolean {
    return Atomics.load(this.#control, WRITER_CLOSED) === ENDED && !this.hasMessage();
  }

  /** The next message in memory of its own, or `undefined` when there is none. @throws {IpcError} ERR_IPC_CORRUPT. */
  tryReceive(): Uint8Array | undefined {
    const owned = this.#owned;
    let at = owned.next();
    if (at < 0) {
      if (this.#tail === this.#head && !this.#look()) return undefined;
      if (!this.#take(owned)) return this.#receiveInPlace();
      at = owned.next();
      if (at < 0) return this.#receiveInPlace();
    }
    this.#lent.drop();
    const message = owned.message(at);
    this.#tail = (this.#tail + recordBytes(owned.length)) | 0;
    this.#consumed();
    return message;
  }

  /**
   * Hands out the messages that are here, at most `limit`, in place: nothing is copied or allocated.
   *
   * @param handler - Gets the ring's memory and where in it the message is; both are the message's until it returns.
   *   If it throws, its message is consumed and those after it stay.
   * @returns How many it was called for.
   * @throws {IpcError} ERR_IPC_CORRUPT. Whatever `handler` throws.
   */
  drain(
    handler: (bytes: Uint8Array, offset: number, length: number) => void,
    limit: number = Infinity,
  ): number {
    if (!this.#look()) return 0;
    const nested = this.#lending;
    let count = 0;
    this.#lending = true;
    try {
      while (count < limit && this.#tail !== this.#head) {
        const at = this.#next();
        if (at < 0) break;
        count++;
        const bytes = this.#takeWhole() ?? this.#memory.bytes;
        handler(bytes, at, this.#length);
        if (!nested && ((this.#tail - this.#released) | 0) >= this.#quantum) this.#release();
      }
    } finally {
      this.#lending = nested;
      if (!nested && this.#tail === this.#head) this.#release();
    }
    return count;
  }

  /**
   * Hands out the messages that are here, at most `limit`, as views that are valid until the handler returns: of copies
   * where they are small, else of the ring. Otherwise as `drain`.
   */
  lend(handler: (message: Uint8Array) => void, limit: number = Infinity): number {
    if (!this.#look()) return 0;
    const nested = this.#lending;
    const lent = this.#lent;
    let count = 0;
    this.#lending = true;
    try {
      while (count < limit && this.#tail !== this.#head) {
        // A handler that drains must not overwrite what it was lent.
        let at = nested ? -1 : lent.next();
        if (at < 0 && !nested && this.#take(lent)) at = lent.next();
        let message: Uint8Array;
        if (at >= 0) {
          message = lent.message(at);
          this.#owned.drop();
          this.#tail = (this.#tail + recordBytes(lent.length)) | 0;
        } else {
          at = this.#next();
          if (at < 0) break;
          message = this.#takeWhole() ?? this.#memory.view(at, this.#length);
        }
        count++;
        handler(message);
        if (!nested && ((this.#tail - this.#released) | 0) >= this.#quantum) this.#release();
      }
    } finally {
      this.#lending = nested;
      if (!nested && this.#tail === this.#head) this.#release();
    }
    return count;
  }

  /** Whether a message is here. @throws {IpcError} ERR_IPC_CORRUPT. */
  hasMessage(): boolean {
    return this.#tail !== this.#head || this.#look();
  }

  /**
   * Asks the writer for a wake-up with its next message, or its end.
   *
   * @returns False when a message or the end is here by now: then nothing was asked for.
   */
  sleep(): boolean {
    Atomics.store(this.#control, READER_SLEEPS, 1);
    if (!this.hasMessage() && !this.isEnded) return true;
    Atomics.store(this.#control, READER_SLEEPS, 0);
    return false;
  }

  /** Takes the wish for a wake-up back. */
  stopSleeping(): void {
    Atomics.store(this.#control, READER_SLEEPS, 0);
  }

  /** Tells the writer that nobody will read on, and wakes it if it waits. */
  finish(): void {
    Atomics.store(this.#control, READER_CLOSED, 1);
    if (Atomics.exchange(this.#control, WRITER_WAITS, 0) !== 0) this.#wakeWriter();
  }

  /** Copies what begins at `#tail` where that pays. */
  #take(stretch: OwnedStretch | LentStretch): boolean {
    if (this.#assembly.isOpen) return false;
    const at = this.#tail & this.#mask;
    return stretch.fill(this.#memory, at, Math.min((this.#head - this.#tail) | 0, this.capacityBytes - at));
  }

  #receiveInPlace(): Uint8Array | undefined {
    let at = this.#next();
    // Only padding, as far as was known: a message may have come behind it.
    if (at < 0) at = this.#look() ? this.#next() : -1;
    if (at < 0) return undefined;
    const whole = this.#takeWhole();
    if (whole !== undefined) {
      this.#consumed();
      return whole;
    }
    const message = ownedCopy(this.#memory, at, this.#length);
    this.#consumed();
    return message;
  }

  /** The message that `#next` found, if it came in pieces. */
  #takeWhole(): Uint8Array | undefined {
    const whole = this.#whole;
    this.#whole = undefined;
    return whole;
  }

  /** Looks where the writer is. */
  #look(): boolean {
    const head = Atomics.load(this.#control, HEAD);
    if (head === this.#tail) return false;
    distance(head, this.#tail, this.capacityBytes);
    this.#head = head;
    return true;
  }

  /** Steps over the next message and returns where its payload is; -1 when only padding or pieces were there. */
  #next(): number {
    this.#owned.drop();
    this.#lent.drop();
    for (;;) {
      const at = this.#tail & this.#mask;
      const word = at >> 2;
      const length = this.#words[word] as number;
      const type = this.#words[word + 1];
      // Compared before anything is added to it: a damaged length may be anything.
      if (
        length < 0 ||
        length > Math.min(this.capacityBytes - at, (this.#head - this.#tail) | 0) - RECORD_HEADER_BYTES
      ) {
        throw this.#damaged(at, length);
      }
      const record = recordBytes(length);
      this.#tail = (this.#tail + record) | 0;
      if (type === DATA && !this.#assembly.isOpen) {
        this.#length = length;
        return at + RECORD_HEADER_BYTES;
      }
      if (type === PIECE) {
        this.#whole = this.#assembly.add(this.#memory.view(at + RECORD_HEADER_BYTES, length));
        if (this.#whole !== undefined) {
          this.#length = this.#whole.length;
          return 0;
        }
        this.#consumed();
      } else if (type === BEGIN && length === Uint32Array.BYTES_PER_ELEMENT) {
        this.#assembly.begin((this.#words[word + 2] as number) >>> 0);
      } else if (type !== PADDING) {
        throw this.#damaged(at, length);
      }
      if (this.#tail === this.#head) {
        this.#consumed();
        return -1;
      }
    }
  }

  #consumed(): void {
    if (this.#tail === this.#head || ((this.#tail - this.#released) | 0) >= this.#quantum) {
      if (!this.#lending) this.#release();
    }
  }

  /** Gives the room of everything read back, and wakes a writer that has waited for that much. */
  #release(): void {
    if (this.#tail === this.#released) return;
    this.#released = this.#tail;
    Atomics.store(this.#control, TAIL, this.#tail);
    const needed = Atomics.load(this.#control, WRITER_WAITS);
    if (needed === 0) return;
    const used = distance(Atomics.load(this.#control, HEAD), this.#tail, this.capacityBytes);
    if (this.capacityBytes - used < needed) return;
    if (Atomics.exchange(this.#control, WRITER_WAITS, 0) !== 0) this.#wakeWriter();
  }

  #damaged(at: number, length: number): IpcError {
    return new IpcError('ERR_IPC_CORRUPT', `the ring's record at ${at} is damaged: length ${length >>> 0}`);
  }
}
