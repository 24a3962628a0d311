import { transferError, type ByteStream, type SendEvents, type StreamWriter } from '@ipc/core';
import { ofdLock } from '@ipc/native';
import { PIPE_BUF } from './pipe-buf.ts';
import { FIRST, LAST, RECORD_HEADER_BYTES, TOTAL_BYTES, writeU32 } from './record.ts';

/** How often a writer looks whether another's large message is through: after 1 ms, then ever more rarely. */
const LONGEST_PAUSE_MS = 20;

/** A large message on its way; this writer holds the lock. */
interface Row {
  readonly message: Uint8Array;
  /** Bytes of it that have gone into records. */
  taken: number;
}

/**
 * Whole messages into a FIFO that others write too. See record.ts for how.
 *
 * Small ones of one turn of the event loop share writes of up to PIPE_BUF bytes.
 */
export class RecordWriter implements StreamWriter {
  readonly maxMessageBytes: number;
  readonly #stream: ByteStream;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(PIPE_BUF);
  #filled = 0;
  /** While there is one, the buffer holds its next record. */
  #row: Row | undefined;
  #events!: SendEvents;
  #blocked = false;
  #scheduled = false;
  #roomAwaited = false;
  #released = false;
  #retry: NodeJS.Timeout | undefined;
  #pauseMs = 1;

  /** @param fd - The descriptor `stream` writes to, for the lock. */
  constructor(stream: ByteStream, fd: number, maxMessageBytes: number) {
    this.#stream = stream;
    this.#fd = fd;
    this.maxMessageBytes = maxMessageBytes;
  }

  get pendingBytes(): number {
    return this.#filled + (this.#row === undefined ? 0 : this.#row.message.length - this.#row.taken);
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#released || this.#row !== undefined) return false;
    const bytes = RECORD_HEADER_BYTES + message.length;
    if (bytes > PIPE_BUF) return this.#pushRow(message);
    if (bytes > PIPE_BUF - this.#filled && !this.#writeOut()) return false;
    writeU32(this.#buffer, this.#filled, (message.length | FIRST | LAST) >>> 0);
    this.#buffer.set(message, this.#filled + RECORD_HEADER_BYTES);
    this.#filled += bytes;
    return true;
  }

  publish(): void {
    if (this.#scheduled || this.#blocked || this.pendingBytes === 0) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      if (!this.#blocked && this.#writeOut() && this.#roomAwaited) this.#events.room();
    });
  }

  awaitRoom(on: boolean): void {
    this.#roomAwaited = on;
    if (!on) this.#stopRetrying();
  }

  finish(): void {
    // others go on writing: leaving is not the end
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#stopRetrying();
    this.#row = undefined;
    this.#filled = 0;
    this.#stream.close(); // and with it the lock
  }

  onWritable(): void {
    this.#blocked = false;
    if (this.#writeOut()) this.#stream.want(false, false);
    if (!this.#released) this.#events.room();
  }

  #pushRow(message: Uint8Array): boolean {
    if (!this.#writeOut()) return false;
    if (!this.#lock('exclusive')) {
      if (!this.#released) this.#retryLater();
      return false;
    }
    this.#pauseMs = 1;
    this.#row = { message: message.slice(), taken: 0 };
    this.#writeOut();
    return true;
  }

  /** Writes until everything is out, which it then says, or the stream blocks. */
  #writeOut(): boolean {
    while (!this.#released && !this.#blocked) {
      if (this.#filled > 0 && !this.#write()) break;
      const row = this.#row;
      if (row === undefined) return true;
      if (row.taken < row.message.length) {
        this.#takeRecord(row);
      } else {
        this.#row = undefined;
        this.#lock('unlock');
      }
    }
    return false;
  }

  /** One write of the whole buffer, which the kernel takes all or nothing. */
  #write(): boolean {
    try {
      this.#blocked = this.#stream.write(this.#buffer, 0, this.#filled) === -1;
    } catch (error) {
      this.#events.fail(transferError(error, 'send'));
      return false;
    }
    if (this.#blocked) this.#stream.want(false, true);
    else this.#filled = 0;
    return !this.#blocked;
  }

  /** The row's next record into the buffer, which is empty. */
  #takeRecord(row: Row): void {
    const first = row.taken === 0;
    const start = RECORD_HEADER_BYTES + (first ? TOTAL_BYTES : 0);
    const end = Math.min(row.taken + PIPE_BUF - start, row.message.length);
    this.#filled = start + end - row.taken;
    const flags = (first ? FIRST : 0) | (end === row.message.length ? LAST : 0);
    writeU32(this.#buffer, 0, ((this.#filled - RECORD_HEADER_BYTES) | flags) >>> 0);
    if (first) writeU32(this.#buffer, RECORD_HEADER_BYTES, row.message.length);
    this.#buffer.set(row.message.subarray(row.taken, end), start);
    row.taken = end;
  }

  /** False when another holds it, or when it cannot be had at all, which then is the end. */
  #lock(kind: 'exclusive' | 'unlock'): boolean {
    try {
      return ofdLock(this.#fd, kind, 0, 0);
    } catch (error) {
      this.#events.fail(transferError(error, 'send'));
      return false;
    }
  }

  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#events.room();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  #stopRetrying(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }
}
