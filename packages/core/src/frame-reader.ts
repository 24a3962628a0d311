import type { Attachments } from './attachments.ts';
import {
  giveBuffer,
  giveLarge,
  moveBytes,
  noBuffer,
  POOLED_BYTES,
  SMALL_BYTES,
  takeBuffer,
  takeLarge,
  takeSmallBuffer,
} from './buffer-pool.ts';
import type { ByteStream, StreamInterest } from './byte-stream.ts';
import { IpcError, peerGoneError, transferError } from './errors.ts';
import { ASK, attachedCount, END, FRAME_HEADER_BYTES, GOODBYE, readFrameHeader, RECEIPT } from './frame.ts';
import { ownedSlice } from './owned-memory.ts';
import type { End, ReceiveEvents, ReceivePort } from './ports.ts';

/** Read of a frame that is expected to be large, before its length is known and the rest goes to its final place. */
const headBytes = 4 << 10;

/** Who hears of what comes between messages, where the peer can be answered. */
export interface FrameReceipts {
  /** Everything before this has been taken. */
  asked(): void;
  /** The peer says the same of what was sent to it. */
  received(): void;
}

/**
 * Frames off a byte stream: one read fills one pooled buffer, which yields many frames.
 *
 * A frame that does not fit the buffer is assembled once, in memory of its own size, read
 * straight from the stream: its cost is linear. Memory is bounded by the buffer plus one
 * message; nothing is read ahead of it, which is what holds the peer back (C4).
 */
export class FrameReader implements ReceivePort {
  end: End | undefined;
  ended = false;
  readonly #stream: ByteStream;
  readonly #interest: StreamInterest;
  /** Below 0 once no message may come. */
  #maxMessageBytes: number;
  readonly #onRelease: () => void;
  readonly #receipts: FrameReceipts | undefined;
  readonly #attachments: Attachments | undefined;
  #buffer = noBuffer;
  #start = 0;
  #filled = 0;
  /** A frame larger than the buffer, as far as it has come. */
  #large: Uint8Array | undefined;
  #largeFilled = 0;
  /** The last frame was large and came alone, so the next may be: only its header and a little more is read into the buffer. */
  #afterLarge = false;
  /** The next message has attachments, which are here. */
  #attached = false;
  /** The last read found the stream empty, and nothing has been reported since. */
  #dry = false;
  #events!: ReceiveEvents;
  #released = false;

  constructor(
    stream: ByteStream,
    interest: StreamInterest,
    maxMessageBytes: number,
    onRelease: () => void,
    receipts?: FrameReceipts,
    attachments?: Attachments,
  ) {
    this.#stream = stream;
    this.#interest = interest;
    this.#maxMessageBytes = maxMessageBytes;
    this.#onRelease = onRelease;
    this.#receipts = receipts;
    this.#attachments = attachments;
  }

  get partialBytes(): number {
    if (this.#hasFrame()) return 0;
    return this.#large === undefined ? this.#filled - this.#start : this.#largeFilled;
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#interest.readable = true;
  }

  pull(patient = false): Uint8Array | undefined {
    const payloadBytes = this.#next(patient);
    if (payloadBytes < 0) return undefined;
    const large = this.#large;
    if (large !== undefined) {
      this.#large = undefined;
      if (this.#attached) this.#attachTo(large);
      this.#goOn();
      return large;
    }
    const from = this.#start + FRAME_HEADER_BYTES;
    this.#start = from + payloadBytes;
    const message = ownedSlice(this.#buffer, from, this.#start);
    if (this.#attached) this.#attachTo(message);
    this.#goOn();
    return message;
  }

  has(): boolean {
    return this.#next(true) >= 0;
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    while (count < limit) {
      const payloadBytes = this.#next();
      if (payloadBytes < 0) break;
      count++;
      const large = this.#large;
      if (large !== undefined) {
        this.#large = undefined;
        const lent = !this.#attached; // attachments are for ever: what they came with is not used again
        if (!lent) this.#attachTo(large);
        try {
          handler(large);
        } finally {
          if (lent) giveLarge(large);
        }
        continue;
      }
      const from = this.#start + FRAME_HEADER_BYTES;
      this.#start = from + payloadBytes;
      const message = this.#buffer.subarray(from, this.#start);
      if (this.#attached) this.#attachTo(message);
      handler(message);
    }
    if (count > 0) this.#goOn();
    return count;
  }

  awaitMessage(on: boolean): void {
    if (on && this.end === undefined) this.#interest.readable = !this.#released;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#dropBuffer();
    this.#large = undefined;
    this.#attachments?.drop();
    if (this.end === undefined) this.#interest.readable = true; // to discard, though the peer may have been held back
    this.#onRelease();
  }

  /** The stream has bytes, or its end. Reads one message ahead, so that an end is noticed also while nobody receives. */
  onReadable(): void {
    if (this.#released) {
      this.#discard();
      return;
    }
    if (this.#hasFrame()) {
      this.#interest.readable = false; // full enough: hold the peer back until somebody takes
      return;
    }
    this.#dry = false;
    this.#next();
    this.#events.ready();
    this.#shrink();
  }

  /** What few bytes nobody has taken yet go into a small buffer, and no bytes into none: those who wait may be many. */
  #shrink(): void {
    const here = this.#filled - this.#start;
    if (here === 0) this.#dropBuffer();
    else if (here <= SMALL_BYTES && this.#buffer.length > SMALL_BYTES) this.#moveTo(takeSmallBuffer());
  }

  #moveTo(other: Uint8Array): void {
    this.#buffer = moveBytes(this.#buffer, this.#start, this.#filled, other);
    this.#filled -= this.#start;
    this.#start = 0;
  }

  /** Reads and drops, so that a peer that is still flushing gets done. */
  #discard(): void {
    const scratch = takeBuffer();
    try {
      if (this.#stream.read(scratch, 0, POOLED_BYTES) !== 0) return;
    } catch {
      // a broken stream has nothing left to drop
    } finally {
      giveBuffer(scratch);
    }
    this.#interest.readable = false;
  }

  /**
   * Makes the next frame whole: in `#large`, or in the buffer at `#start`.
   * Returns its payload length, -1 when it has not all come.
   */
  #next(patient = false): number {
    while (this.end === undefined && !this.#released) {
      if (this.#large !== undefined) {
        if (this.#largeFilled === this.#large.length) return this.#large.length;
      } else if (this.#filled - this.#start >= FRAME_HEADER_BYTES) {
        const payloadBytes = readFrameHeader(this.#buffer, this.#start);
        if (payloadBytes > this.#maxMessageBytes) {
          if (this.#takeControl(payloadBytes)) continue;
          return -1;
        }
        if (this.#filled - this.#start >= FRAME_HEADER_BYTES + payloadBytes) return payloadBytes;
        if (FRAME_HEADER_BYTES + payloadBytes > POOLED_BYTES) this.#startLarge(payloadBytes);
      }
      if ((patient && this.#dry) || !this.#fill()) return -1;
    }
    return -1;
  }

  /** Takes a frame whose length is no length. False, and the end is set, when that is a goodbye or damage. */
  #takeControl(length: number): boolean {
    const attached = attachedCount(length);
    if (attached > 0 && this.#attachments !== undefined && !this.#attached)
      return this.#claim(this.#attachments, attached);
    const receipts = this.#receipts;
    if (receipts !== undefined && (length === ASK || length === RECEIPT)) {
      this.#start += FRAME_HEADER_BYTES;
      if (length === ASK) receipts.asked();
      else receipts.received();
      return true;
    }
    if (receipts !== undefined && length === END && !this.ended) {
      this.#start += FRAME_HEADER_BYTES;
      this.ended = true;
      this.#maxMessageBytes = -1;
      return true;
    }
    if (attached > 0) {
      const message = `${attached} descriptors came in where none can`;
      this.#endWith({ error: new IpcError('ERR_IPC_CORRUPT', message) });
      return false;
    }
    const message = this.ended
      ? `a frame of ${length} bytes came in behind the end`
      : `a frame of ${length} bytes came in; maxMessageBytes is ${this.#maxMessageBytes}`;
    this.#endWith(length === GOODBYE ? {} : { error: new IpcError('ERR_IPC_CORRUPT', message) });
    return false;
  }

  #claim(attachments: Attachments, count: number): boolean {
    try {
      attachments.claim(count);
    } catch (error) {
      this.#endWith({ error: transferError(error, 'receive') });
      return false;
    }
    this.#start += FRAME_HEADER_BYTES;
    this.#attached = true;
    return true;
  }

  #attachTo(message: Uint8Array): void {
    this.#attached = false;
    this.#attachments?.attachTo(message);
  }

  /** A message was taken: what was asked behind it is answered, though nobody asks for the next, and the peer is heard again. */
  #goOn(): void {
    if (this.#hasFrame()) return;
    while (this.#filled - this.#start >= FRAME_HEADER_BYTES && this.end === undefined) {
      const length = readFrameHeader(this.#buffer, this.#start);
      if (length !== ASK && length !== RECEIPT && length !== END) break;
      if (!this.#takeControl(length)) return;
    }
    if (this.end === undefined && !this.#released) this.#interest.readable = true;
  }

  #startLarge(payloadBytes: number): void {
    const large = takeLarge(payloadBytes); // handed out only when it is full
    const from = this.#start + FRAME_HEADER_BYTES;
    large.set(this.#buffer.subarray(from, this.#filled));
    this.#largeFilled = this.#filled - from;
    this.#large = large;
    this.#dropBuffer();
  }

  /** One read. False when nothing came: would block, or the end. */
  #fill(): boolean {
    return this.#large === undefined ? this.#fillBuffer() : this.#fillLarge(this.#large);
  }

  #fillBuffer(): boolean {
    if (this.#buffer.length < POOLED_BYTES) {
      this.#moveTo(takeBuffer());
    } else if (this.#start > 0) {
      if (this.#start < this.#filled) this.#buffer.copyWithin(0, this.#start, this.#filled);
      this.#filled -= this.#start;
      this.#start = 0;
    }
    const room = POOLED_BYTES - this.#filled;
    const count = this.#read(this.#buffer, this.#filled, this.#afterLarge ? Math.min(room, headBytes) : room);
    this.#afterLarge = false;
    this.#filled += count;
    if (this.#filled === 0) this.#dropBuffer();
    return count > 0;
  }

  /** The rest goes to its final place, and with it comes the header of the next frame, into the buffer, which is empty. */
  #fillLarge(large: Uint8Array): boolean {
    if (this.#buffer === noBuffer) this.#buffer = takeSmallBuffer();
    const left = large.length - this.#largeFilled;
    const count = this.#read(large, this.#largeFilled, left, this.#buffer);
    this.#largeFilled += Math.min(count, left);
    this.#filled = Math.max(0, count - left);
    this.#afterLarge = this.#filled === 0;
    return count > 0;
  }

  /** Returns 0 when nothing came. */
  #read(target: Uint8Array, offset: number, length: number, ahead?: Uint8Array): number {
    let count: number | undefined;
    let asked = length;
    try {
      if (ahead !== undefined) {
        count = this.#stream.readPair?.(target, offset, ahead, FRAME_HEADER_BYTES);
        if (count !== undefined) asked += FRAME_HEADER_BYTES;
      }
      count ??= this.#stream.read(target, offset, length);
    } catch (error) {
      this.#endWith({ error: transferError(error, 'receive') });
      return 0;
    }
    this.#dry = count < asked;
    if (count > 0) return count;
    if (count === 0) this.#endWith({ error: peerGoneError() });
    else this.#interest.readable = true;
    return 0;
  }

  #hasFrame(): boolean {
    if (this.ended) return false;
    if (this.#large !== undefined) return this.#largeFilled === this.#large.length;
    const here = this.#filled - this.#start;
    return (
      here >= FRAME_HEADER_BYTES && here >= FRAME_HEADER_BYTES + readFrameHeader(this.#buffer, this.#start)
    );
  }

  #dropBuffer(): void {
    giveBuffer(this.#buffer);
    this.#buffer = noBuffer;
    this.#start = this.#filled = 0;
  }

  #endWith(end: End): void {
    this.end = end;
    this.#interest.readable = false;
  }
}
