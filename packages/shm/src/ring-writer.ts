import { IpcError } from '@ipc/core';
import { Claim } from './claim.ts';
import { view } from './owned-copy.ts';
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
  ENDED,
  WRITER_CLOSED,
  WRITER_WAITS,
  type RingMemory,
} from './ring-layout.ts';
import { setBytes } from './set-bytes.ts';

// Constants of its own module are known to V8 when it compiles; those of another one it loads at every use.
const headerBytes = RECORD_HEADER_BYTES;
const dataType = DATA;

/**
 * The writing end of a ring. One thread of one process owns it.
 *
 * Nothing waits, no system call is made, and nothing is allocated per message. A full ring is `false`.
 * Cost: an atomic store and load per `publish`, so per message for `trySend` and per batch for `trySendMany`.
 */
export class RingWriter {
  readonly capacityBytes: number;
  /** A message that fills the ring. */
  readonly maxMessageBytes: number;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #control: Int32Array;
  readonly #mask: number;
  readonly #wakeReader: () => void;
  /** Where the next record starts; the reader knows of everything before `#published`. */
  #head: number;
  #published: number;
  /** Free bytes from `#head` on that neither the reader's records nor the end of the ring interrupt. */
  #contiguous = 0;
  /** Room the last refused record needs. */
  #needed = 0;
  #claim: Claim | undefined;
  #claimed = false;

  /** @param wakeReader - Called when the reader sleeps and there is something for it. */
  constructor(memory: RingMemory, wakeReader: () => void = () => undefined) {
    this.capacityBytes = memory.capacityBytes;
    this.maxMessageBytes = memory.capacityBytes - RECORD_HEADER_BYTES;
    this.#bytes = memory.bytes;
    this.#words = memory.words;
    this.#control = memory.control;
    this.#mask = memory.capacityBytes - 1;
    this.#wakeReader = wakeReader;
    this.#head = this.#published = Atomics.load(memory.control, HEAD);
  }

  /**
   * Writes one message and makes it visible, or returns false while there is no room.
   *
   * @throws {IpcError} ERR_IPC_TOO_LARGE over `maxMessageBytes`; ERR_IPC_CORRUPT when the reader damaged the ring.
   */
  trySend(message: Uint8Array): boolean {
    if (!this.push(message)) return false;
    this.publish();
    return true;
  }

  /** Writes from index `from` what there is room for, and makes all of it visible at once; returns how many. Throws as `trySend`. */
  trySendMany(messages: readonly Uint8Array[], from = 0): number {
    try {
      return this.pushMany(messages, from);
    } finally {
      this.publish();
    }
  }

  /** Writes one message that the reader sees after `publish`, or returns false while there is no room. Throws as `trySend`. */
  push(message: Uint8Array): boolean {
    const length = message.length;
    const record = recordBytes(length);
    if (record > this.#contiguous && !this.#makeRoom(length, record)) return false;
    const at = this.#head & this.#mask;
    const word = at >> 2;
    this.#words[word] = length;
    this.#words[word + 1] = dataType;
    setBytes(this.#bytes, message, at + headerBytes);
    this.#head = (this.#head + record) | 0;
    this.#contiguous -= record;
    return true;
  }

  /**
   * Writes from index `from` up to `to` what there is room for, to be seen after `publish`, and stops before a message
   * of more than `mostBytes`; returns how many. Throws as `trySend`.
   */
  pushMany(
    messages: readonly Uint8Array[],
    from = 0,
    to: number = messages.length,
    mostBytes: number = Infinity,
  ): number {
    const bytes = this.#bytes;
    const words = this.#words;
    const mask = this.#mask;
    let next = from;
    while (next < to) {
      let head = this.#head;
      let contiguous = this.#contiguous;
      for (; next < to; next++) {
        const message = messages[next] as Uint8Array;
        const length = message.length;
        const record = recordBytes(length);
        if (record > contiguous || length > mostBytes) break;
        const at = head & mask;
        const word = at >> 2;
        words[word] = length;
        words[word + 1] = dataType;
        setBytes(bytes, message, at + headerBytes);
        head = (head + record) | 0;
        contiguous -= record;
      }
      this.#head = head;
      this.#contiguous = contiguous;
      if (next === to) break;
      const message = messages[next] as Uint8Array;
      if (message.length > mostBytes || !this.push(message)) break;
      next++;
    }
    return next - from;
  }

  /** Announces a message of `length` bytes that follows in pieces, and nothing else before they are complete. False while there is no room. Throws as `trySend`. */
  pushBegin(length: number): boolean {
    const record = recordBytes(Uint32Array.BYTES_PER_ELEMENT);
    if (record > this.#contiguous && !this.#makeRoom(Uint32Array.BYTES_PER_ELEMENT, record)) return false;
    this.#words[((this.#head & this.#mask) + RECORD_HEADER_BYTES) >> 2] = length;
    this.#put(Uint32Array.BYTES_PER_ELEMENT, BEGIN, record);
    return true;
  }

  /**
   * Writes the next piece of a message, from index `from` on, of up to an eighth of the ring, so that both sides copy at
   * the same time.
   *
   * @returns How many bytes that were; 0 while there is no room. Throws as `trySend`.
   */
  pushPiece(message: Uint8Array, from: number): number {
    const length = Math.min(message.length - from, this.capacityBytes >>> 3);
    const record = recordBytes(length);
    if (record > this.#contiguous && !this.#makeRoom(length, record)) return 0;
    this.#bytes.set(view(message, from, length), (this.#head & this.#mask) + RECORD_HEADER_BYTES);
    this.#put(length, PIECE, record);
    return length;
  }

  /**
   * Claims room for one message, to be filled in place. The same object is returned every time: one claim at a time.
   *
   * The reader cannot see a claim before `commit`; aborting or disposing it gives the room back.
   *
   * @param length - Payload bytes, 0..maxMessageBytes.
   * @returns `undefined` while there is no room.
   * @throws {RangeError} `length` is not such a number. @throws {TypeError} The last claim is still open.
   * @throws {IpcError} As `trySend`.
   * Source: Agrona `RingBuffer.tryClaim`.
   */
  tryClaim(length: number): Claim | undefined {
    if (!Number.isInteger(length) || length < 0)
      throw new RangeError(`length must be a whole number of bytes, got ${length}`);
    const record = recordBytes(length);
    if ((record > this.#contiguous || this.#claimed) && !this.#makeRoom(length, record)) return undefined;
    this.#claimed = true;
    this.#contiguous = -this.#contiguous - 1; // keeps `push` out until the claim ends
    this.#claim ??= new Claim(this.#bytes, (committed) => {
      this.#endClaim(committed);
    });
    return this.#claim.open((this.#head & this.#mask) + RECORD_HEADER_BYTES, length);
  }

  /** Bytes of the ring that hold what was pushed and not published. */
  get unpublishedBytes(): number {
    return (this.#head - this.#published) | 0;
  }

  /** Makes everything pushed visible, and wakes a sleeping reader. */
  publish(): void {
    if (this.#head === this.#published) return;
    this.#published = this.#head;
    Atomics.store(this.#control, HEAD, this.#head);
    if (Atomics.load(this.#control, READER_SLEEPS) !== 0) this.#wake();
  }

  /** True once the reader has finished: nobody will read what is sent. */
  get isAbandoned(): boolean {
    return Atomics.load(this.#control, READER_CLOSED) !== 0;
  }

  /**
   * Asks the reader for a wake-up when the last refused message fits.
   *
   * @returns False when it fits by now, or the reader has finished: then nothing was asked for.
   */
  awaitRoom(): boolean {
    Atomics.store(this.#control, WRITER_WAITS, this.#needed);
    if (this.#room() < this.#needed && !this.isAbandoned) return true;
    Atomics.store(this.#control, WRITER_WAITS, 0);
    return false;
  }

  /** Takes the wish for a wake-up back. */
  stopAwaiting(): void {
    Atomics.store(this.#control, WRITER_WAITS, 0);
  }

  /** Publishes, and tells the reader that nothing will follow. */
  finish(): void {
    this.publish();
    Atomics.store(this.#control, WRITER_CLOSED, 1);
    this.#wake();
  }

  /** Publishes, and tells the reader that nothing will follow, though whoever writes here goes on reading elsewhere. */
  end(): void {
    this.publish();
    Atomics.store(this.#control, WRITER_CLOSED, ENDED);
    this.#wake();
  }

  #wake(): void {
    if (Atomics.exchange(this.#control, READER_SLEEPS, 0) !== 0) this.#wakeReader();
  }

  #room(): number {
    return this.capacityBytes - distance(this.#head, Atomics.load(this.#control, TAIL), this.capacityBytes);
  }

  /** Looks at tail again; pads to the end of the ring where the record does not fit before it. */
  #makeRoom(length: number, record: number): boolean {
    if (this.#claimed) throw new TypeError('the last claim must be committed or aborted first');
    if (length > this.maxMessageBytes) {
      throw new IpcError(
        'ERR_IPC_TOO_LARGE',
        `message of ${length} bytes exceeds maxMessageBytes, which is ${this.maxMessageBytes}`,
      );
    }
    let room = this.#room();
    const at = this.#head & this.#mask;
    let toEnd = this.capacityBytes - at;
    if (record > toEnd) {
      if (room < toEnd) return this.#refuse(Math.min(toEnd + record, this.capacityBytes));
      this.#words[at >> 2] = toEnd - RECORD_HEADER_BYTES;
      this.#words[(at >> 2) + 1] = PADDING;
      this.#head = (this.#head + toEnd) | 0;
      room -= toEnd;
      toEnd = this.capacityBytes;
    }
    this.#contiguous = Math.min(room, toEnd);
    return record <= room || this.#refuse(record);
  }

  #refuse(needed: number): false {
    this.#needed = needed;
    this.publish(); // a reader that sees everything, padding too, can make all the room there is
    return false;
  }

  #endClaim(committed: boolean): void {
    this.#claimed = false;
    this.#contiguous = -this.#contiguous - 1;
    if (!committed || this.#claim === undefined) return;
    const { length } = this.#claim;
    this.#put(length, DATA, recordBytes(length));
    this.publish();
  }

  /** Completes a record whose payload is written. */
  #put(length: number, type: number, record: number): void {
    const word = (this.#head & this.#mask) >> 2;
    this.#words[word] = length;
    this.#words[word + 1] = type;
    this.#head = (this.#head + record) | 0;
    this.#contiguous -= record;
  }
}
