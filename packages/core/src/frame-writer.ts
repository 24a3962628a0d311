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
import { transferError } from './errors.ts';
import { ASK, ATTACHED, END, FRAME_HEADER_BYTES, GOODBYE, RECEIPT, writeFrameHeader } from './frame.ts';
import type { Gather } from './gather.ts';
import { unzeroed } from './owned-memory.ts';
import { Owed } from './owed.ts';
import type { SendEvents, SendPort } from './ports.ts';

/** From this size a message goes to the kernel from the caller's memory when nothing is queued before it. */
const directBytes = 8 << 10;

/**
 * Frames onto a byte stream, coalesced: what is sent in one turn of the event loop leaves in one write.
 *
 * Small frames are copied into one pooled buffer, a larger one when they are many, which is written when the turn's
 * callbacks and promises have run (`process.nextTick`) or when it is full; or as `GatherOptions` say. A large frame with nothing before it is
 * gathered from the caller's memory by one `writev`; only what the kernel does not take is copied.
 */
export class FrameWriter implements SendPort {
  readonly maxMessageBytes: number;
  /** Set where the peer can answer. */
  ask: (() => void) | undefined;
  readonly #stream: ByteStream;
  readonly #interest: StreamInterest;
  readonly #onRelease: () => void;
  readonly #attachments: Attachments | undefined;
  readonly #gather: Gather;
  #buffer = noBuffer;
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #start = 0;
  #end = 0;
  /** The rest of a large frame, from `#restStart` to `#restEnd`; written before the buffer. */
  #rest: Uint8Array | undefined;
  #restStart = 0;
  #restEnd = 0;
  readonly #owed = new Owed(ASK, RECEIPT);
  #finished = false;
  #events!: SendEvents;
  #roomAwaited = false;
  #tickScheduled = false;
  /** Ends the delay of what waits. */
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;
  #released = false;

  constructor(
    stream: ByteStream,
    interest: StreamInterest,
    { maxMessageBytes, gather }: { readonly maxMessageBytes: number; readonly gather: Gather },
    onRelease: () => void,
    attachments?: Attachments,
  ) {
    this.#stream = stream;
    this.#interest = interest;
    this.maxMessageBytes = maxMessageBytes;
    this.#gather = gather;
    this.#onRelease = onRelease;
    this.#attachments = attachments;
  }

  get pendingBytes(): number {
    return this.#restEnd - this.#restStart + this.#end - this.#start + this.#owed.count * FRAME_HEADER_BYTES;
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#released) return false;
    const attachments = this.#attachments;
    if (attachments !== undefined) {
      const count = attachments.countOf(message);
      if (count > 0) return this.#pushAttached(attachments, message, count);
    }
    const frameBytes = FRAME_HEADER_BYTES + message.length;
    if (message.length >= directBytes) return this.#pushDirect(message, frameBytes);
    return this.#pushCopy(message, frameBytes);
  }

  publish(): void {
    if (this.#gather.delayMs === 0) this.#hurry();
    else if (!this.#blocked && this.pendingBytes > 0)
      this.#timer ??= setTimeout(this.#onTick, this.#gather.delayMs);
  }

  awaitRoom(on: boolean): void {
    this.#roomAwaited = on;
    if (on) this.#hurry();
  }

  end(): void {
    this.#pushControl(END); // it fits, as a goodbye does
  }

  finish(): void {
    this.#pushControl(GOODBYE); // it fits: everything before it is out
    this.#finished = true;
  }

  /** Asks for a receipt of everything pushed so far. */
  pushAsk(): void {
    this.#owed.addAsk();
    this.#pushOwed();
    this.#hurry();
  }

  /** Answers an ask of the peer. */
  pushReceipt(): void {
    if (this.#released || this.#finished) return;
    this.#owed.addReceipt();
    this.#pushOwed();
    this.#hurry();
  }

  /** The peer has answered. */
  onReceipt(): void {
    this.#events.received();
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#endDelay();
    this.#dropBuffer();
    this.#setRest(undefined, 0, 0);
    this.#interest.writable = false;
    this.#onRelease();
  }

  /** The stream can take bytes again. */
  onWritable(): void {
    this.#blocked = false;
    if (this.#writeOut()) this.#interest.writable = false;
    this.#events.room();
  }

  /** At the end of this turn, whatever the delay. */
  #hurry(): void {
    if (this.#tickScheduled || this.#blocked || this.pendingBytes === 0) return;
    this.#tickScheduled = true;
    process.nextTick(this.#onTick);
  }

  #endDelay(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #onTick = (): void => {
    this.#tickScheduled = false;
    this.#endDelay();
    if (this.#writeOut() && this.#roomAwaited) this.#events.room();
  };

  #pushDirect(message: Uint8Array, frameBytes: number): boolean {
    if (this.pendingBytes > 0 && !this.#writeOut()) {
      if (this.#released || this.#rest !== undefined || frameBytes > POOLED_BYTES) return false;
      return this.#pushCopy(message, frameBytes);
    }
    writeFrameHeader(this.#header, 0, message.length);
    const written = this.#write(this.#header, 0, FRAME_HEADER_BYTES, message);
    if (written === -1) return false; // whoever waits keeps the message: copying it would cost more than the wait
    if (written < frameBytes) this.#keepRest(message, frameBytes, written);
    return true;
  }

  /** Copies what the kernel did not take, into memory that is used again. */
  #keepRest(message: Uint8Array, frameBytes: number, written: number): void {
    const restBytes = frameBytes - written;
    const rest = restBytes <= POOLED_BYTES ? takeBuffer() : takeLarge(frameBytes);
    const header = this.#header.subarray(written); // none of it, as a rule
    rest.set(header);
    rest.set(message.subarray(written + header.length - FRAME_HEADER_BYTES), header.length);
    this.#setRest(rest, 0, restBytes);
  }

  #setRest(rest: Uint8Array | undefined, start: number, end: number): void {
    this.#rest = rest;
    this.#restStart = start;
    this.#restEnd = end;
  }

  /** With what is attached, by a call of its own. A failure that is not the peer's end is this message's alone. */
  #pushAttached(attachments: Attachments, message: Uint8Array, count: number): boolean {
    if (this.pendingBytes > 0 && !this.#writeOut()) return false;
    const frames = unzeroed(2 * FRAME_HEADER_BYTES + message.length);
    writeFrameHeader(frames, 0, ATTACHED + count);
    writeFrameHeader(frames, FRAME_HEADER_BYTES, message.length);
    frames.set(message, 2 * FRAME_HEADER_BYTES);
    try {
      const written = attachments.send(message, frames);
      if (written === -1) this.#block();
      else if (written < frames.length) this.#setRest(frames, written, frames.length);
      return written !== -1;
    } catch (error) {
      const failure = transferError(error, 'send');
      if (failure.code !== 'ERR_IPC_PEER_GONE') throw failure;
      this.#events.fail(failure);
      return false;
    }
  }

  #pushCopy(message: Uint8Array, frameBytes: number): boolean {
    if (frameBytes > this.#buffer.length - this.#end && !this.#makeRoom(frameBytes)) return false;
    writeFrameHeader(this.#buffer, this.#end, message.length);
    this.#buffer.set(message, this.#end + FRAME_HEADER_BYTES);
    this.#end += frameBytes;
    if (this.#end - this.#start >= this.#gather.bytes) this.#writeOut();
    return true;
  }

  /** A frame without payload. False when there is no room. */
  #pushControl(length: number): boolean {
    if (FRAME_HEADER_BYTES > this.#buffer.length - this.#end && !this.#grow(FRAME_HEADER_BYTES)) return false;
    writeFrameHeader(this.#buffer, this.#end, length);
    this.#end += FRAME_HEADER_BYTES;
    return true;
  }

  #pushOwed(): void {
    this.#owed.pay((control) => this.#pushControl(control));
  }

  #makeRoom(frameBytes: number): boolean {
    if (this.#buffer.length === POOLED_BYTES && !this.#blocked) this.#writeOut();
    return !this.#released && this.#grow(frameBytes);
  }

  /** Room in the buffer, or in a larger one, without writing. */
  #grow(frameBytes: number): boolean {
    const neededBytes = this.#end - this.#start + frameBytes;
    if (neededBytes > POOLED_BYTES) return false;
    if (this.#buffer.length < POOLED_BYTES) {
      const other = neededBytes <= SMALL_BYTES ? takeSmallBuffer() : takeBuffer();
      this.#buffer = moveBytes(this.#buffer, this.#start, this.#end, other);
    } else {
      this.#buffer.copyWithin(0, this.#start, this.#end);
    }
    this.#end -= this.#start;
    this.#start = 0;
    return true;
  }

  /** Writes until the stream blocks. True when everything is out. */
  #writeOut(): boolean {
    while (!this.#released && !this.#blocked) {
      if (this.#rest !== undefined) {
        const written = this.#write(this.#rest, this.#restStart, this.#restEnd);
        if (written === -1) continue;
        this.#restStart += written;
        if (this.#restStart === this.#restEnd) this.#giveRest(this.#rest);
      } else if (this.#start < this.#end) {
        const written = this.#write(this.#buffer, this.#start, this.#end);
        if (written > 0) this.#start += written;
      } else {
        this.#dropBuffer();
        if (this.#owed.count === 0) return true;
        this.#pushOwed();
      }
    }
    return false;
  }

  /** One write, of `source[start, end)` and what is behind that; blocking and failure become state, and -1. */
  #write(source: Uint8Array, start: number, end: number, behind?: Uint8Array): number {
    try {
      const written =
        behind === undefined
          ? this.#stream.write(source, start, end - start)
          : this.#stream.writePair(source, end, behind);
      if (written === -1) this.#block();
      return written;
    } catch (error) {
      this.#events.fail(transferError(error, 'send'));
      return -1;
    }
  }

  #giveRest(rest: Uint8Array): void {
    if (rest.length === POOLED_BYTES) giveBuffer(rest);
    else giveLarge(rest);
    this.#setRest(undefined, 0, 0);
  }

  #dropBuffer(): void {
    giveBuffer(this.#buffer);
    this.#buffer = noBuffer;
    this.#start = this.#end = 0;
  }

  #block(): void {
    if (this.#released) return;
    this.#blocked = true;
    this.#interest.writable = true;
  }
}
