import { transferError, type ByteStream, type SendEvents, type StreamWriter } from '@ipc/core';
import { NEWLINE } from './line-reader.ts';

const BUFFER_BYTES = 64 << 10;

/**
 * Plain bytes, or lines, onto a byte stream: what is sent in one turn of the event loop leaves in one write.
 *
 * A message larger than the buffer gets one of its own size, once everything before it has left.
 */
export class ByteWriter implements StreamWriter {
  readonly maxMessageBytes: number;
  readonly #stream: ByteStream;
  /** Bytes added behind each message. */
  readonly #terminatorBytes: 0 | 1;
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #events!: SendEvents;
  #blocked = false;
  #scheduled = false;
  #roomAwaited = false;
  #released = false;

  constructor(stream: ByteStream, lines: boolean, maxMessageBytes: number) {
    this.#stream = stream;
    this.#terminatorBytes = lines ? 1 : 0;
    this.maxMessageBytes = maxMessageBytes;
  }

  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    const bytes = message.length + this.#terminatorBytes;
    if (bytes > this.#buffer.length - this.#end && !this.#makeRoom(bytes)) return false;
    this.#buffer.set(message, this.#end);
    this.#end += bytes;
    if (this.#terminatorBytes === 1) this.#buffer[this.#end - 1] = NEWLINE;
    return true;
  }

  publish(): void {
    if (this.#scheduled || this.#blocked || this.pendingBytes === 0) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#writeOut();
      if (this.#roomAwaited && !this.#blocked && !this.#released) this.#events.room();
    });
  }

  awaitRoom(on: boolean): void {
    this.#roomAwaited = on;
  }

  finish(): void {
    // the end of the stream is the end
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#buffer = new Uint8Array(0);
    this.#start = this.#end = 0;
    this.#stream.close();
  }

  onWritable(): void {
    this.#blocked = false;
    this.#writeOut();
    if (this.#released) return;
    if (this.pendingBytes === 0) this.#stream.want(false, false);
    this.#events.room();
  }

  #makeRoom(bytes: number): boolean {
    this.#writeOut();
    if (this.#released) return false;
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      if (bytes > this.#buffer.length) this.#buffer = new Uint8Array(Math.max(bytes, BUFFER_BYTES));
      return true;
    }
    if (bytes > this.#buffer.length - this.pendingBytes) return false;
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    return true;
  }

  /** Writes until everything is out or the stream blocks. */
  #writeOut(): void {
    while (!this.#blocked && this.#start < this.#end) {
      let written: number;
      try {
        written = this.#stream.write(this.#buffer, this.#start, this.#end - this.#start);
      } catch (error) {
        this.#events.fail(transferError(error, 'send'));
        return;
      }
      if (written === -1) {
        this.#blocked = true;
        this.#stream.want(false, true);
        return;
      }
      this.#start += written;
    }
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      if (this.#buffer.length > BUFFER_BYTES) this.#buffer = new Uint8Array(0);
    }
  }
}
