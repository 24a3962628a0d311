import {
  fromErrno,
  IpcError,
  type ByteStream,
  type End,
  type ReceiveEvents,
  type ReceivePort,
} from '@ipc/core';
import {
  FIRST,
  LAST,
  readU32,
  RECORD_HEADER_BYTES,
  RECORD_MAX_BYTES,
  recordLength,
  TOTAL_BYTES,
} from './record.ts';

const BUFFER_BYTES = 64 << 10;

/** A large message, as far as it has come. */
interface Assembly {
  readonly message: Uint8Array;
  filled: number;
}

/**
 * Messages out of a FIFO with many writers. See record.ts for their form.
 *
 * One read yields many records. A message that its writer did not finish, or that is longer than the limit, is dropped:
 * one bad writer does not end the others' receiver. Only a stream that is no row of records ends it.
 */
export class RecordReader implements ReceivePort {
  end: End | undefined;
  readonly #stream: ByteStream;
  readonly #maxMessageBytes: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #filled = 0;
  #assembly: Assembly | undefined;
  /** A large message that is complete and that nobody has taken. */
  #large: Uint8Array | undefined;
  /** Whether a message has been made whole that nobody has asked for. */
  #ahead = false;
  #events!: ReceiveEvents;
  #released = false;

  constructor(stream: ByteStream, maxMessageBytes: number) {
    this.#stream = stream;
    this.#maxMessageBytes = maxMessageBytes;
    stream.onReady = () => {
      this.#onReadable();
    };
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#stream.want(true, false);
  }

  pull(): Uint8Array | undefined {
    return this.#take((from, to) => this.#buffer.slice(from, to));
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    for (; count < limit; count++) {
      const message = this.#take((from, to) => this.#buffer.subarray(from, to));
      if (message === undefined) break;
      handler(message);
    }
    return count;
  }

  awaitMessage(on: boolean): void {
    if (on && this.end === undefined && !this.#released) this.#stream.want(true, false);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#large = this.#assembly = undefined;
    this.#stream.close();
  }

  #onReadable(): void {
    if (this.#ahead) {
      this.#stream.want(false, false); // hold the writers back until somebody takes
      return;
    }
    this.#ahead = this.#next() >= 0;
    this.#events.ready();
  }

  #take(view: (from: number, to: number) => Uint8Array): Uint8Array | undefined {
    this.#ahead = false;
    const length = this.#next();
    if (length < 0) return undefined;
    const large = this.#large;
    this.#large = undefined;
    if (large !== undefined) return large;
    const from = this.#start + RECORD_HEADER_BYTES;
    this.#start = from + length;
    return view(from, this.#start);
  }

  /** Makes the next message whole: in `#large`, or in the buffer at `#start`. Its length, -1 when it has not all come. */
  #next(): number {
    while (this.end === undefined && !this.#released) {
      if (this.#large !== undefined) return this.#large.length;
      const here = this.#filled - this.#start;
      const header = here < RECORD_HEADER_BYTES ? 0 : readU32(this.#buffer, this.#start);
      const length = recordLength(header);
      if (length > RECORD_MAX_BYTES) {
        this.#endWith(new IpcError('ERR_IPC_CORRUPT', `what came in is no record: its length is ${length}`));
      } else if (here < RECORD_HEADER_BYTES + length) {
        if (!this.#fill()) return -1;
      } else if ((header & FIRST) !== 0 && (header & LAST) !== 0) {
        return length;
      } else {
        this.#start += RECORD_HEADER_BYTES;
        this.#assemble(header, this.#buffer.subarray(this.#start, this.#start + length));
        this.#start += length;
      }
    }
    return -1;
  }

  /** One record of a large message. What does not fit together was left by a writer that died, and is dropped. */
  #assemble(header: number, payload: Uint8Array): void {
    let part = payload;
    if ((header & FIRST) !== 0) {
      const total = readU32(payload, 0);
      const accepted =
        payload.length >= TOTAL_BYTES && total > RECORD_MAX_BYTES && total <= this.#maxMessageBytes;
      this.#assembly = accepted ? { message: new Uint8Array(total), filled: 0 } : undefined;
      part = payload.subarray(TOTAL_BYTES);
    }
    const assembly = this.#assembly;
    if (assembly === undefined) return;
    if (part.length > assembly.message.length - assembly.filled) {
      this.#assembly = undefined;
      return;
    }
    assembly.message.set(part, assembly.filled);
    assembly.filled += part.length;
    if ((header & LAST) === 0) return;
    this.#assembly = undefined;
    if (assembly.filled === assembly.message.length) this.#large = assembly.message;
  }

  /** One read; false when nothing came. */
  #fill(): boolean {
    this.#buffer.copyWithin(0, this.#start, this.#filled);
    this.#filled -= this.#start;
    this.#start = 0;
    try {
      const count = this.#stream.read(this.#buffer, this.#filled, BUFFER_BYTES - this.#filled);
      if (count > 0) {
        this.#filled += count;
        return true;
      }
      if (count === -1) this.#stream.want(true, false);
      else this.#endWith(undefined);
    } catch (error) {
      this.#endWith(fromErrno(error, 'receive'));
    }
    return false;
  }

  #endWith(error: IpcError | undefined): void {
    this.end = error === undefined ? {} : { error };
    this.#stream.want(false, false);
  }
}
