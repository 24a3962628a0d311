import { fromErrno, type ByteStream, type End, type ReceiveEvents, type ReceivePort } from '@ipc/core';

const CHUNK_BYTES = 64 << 10;

/** Lent to the reader that is reading; a thread needs one. */
const scratch = new Uint8Array(CHUNK_BYTES);

/** Bytes off a stream, one chunk per read. Reads one chunk ahead, so that the end is noticed also while nobody receives. */
export class ByteReader implements ReceivePort {
  end: End | undefined;
  readonly #stream: ByteStream;
  readonly #chunkBytes: number;
  #ahead: Uint8Array | undefined;
  #events!: ReceiveEvents;
  #released = false;

  constructor(stream: ByteStream, maxMessageBytes: number) {
    this.#stream = stream;
    this.#chunkBytes = Math.min(CHUNK_BYTES, maxMessageBytes);
    stream.onReady = () => {
      this.#onReadable();
    };
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#stream.want(true, false);
  }

  pull(): Uint8Array | undefined {
    const chunk = this.#ahead ?? this.#read()?.slice();
    this.#ahead = undefined;
    return chunk;
  }

  drain(handler: (chunk: Uint8Array) => void, limit: number): number {
    let count = 0;
    for (; count < limit; count++) {
      const chunk = this.#ahead ?? this.#read();
      if (chunk === undefined) break;
      this.#ahead = undefined;
      handler(chunk);
    }
    return count;
  }

  awaitMessage(on: boolean): void {
    if (on && this.end === undefined && !this.#released) this.#stream.want(true, false);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#ahead = undefined;
    this.#stream.close();
  }

  #onReadable(): void {
    if (this.#ahead !== undefined) {
      this.#stream.want(false, false); // hold the writer back until somebody takes
      return;
    }
    this.#ahead = this.#read()?.slice();
    this.#events.ready();
  }

  /** One read, into memory that the next one overwrites. */
  #read(): Uint8Array | undefined {
    if (this.end !== undefined || this.#released) return undefined;
    try {
      const count = this.#stream.read(scratch, 0, this.#chunkBytes);
      if (count > 0) return scratch.subarray(0, count);
      if (count === -1) {
        this.#stream.want(true, false);
        return undefined;
      }
      this.end = {};
    } catch (error) {
      this.end = { error: fromErrno(error, 'receive') };
    }
    this.#stream.want(false, false);
    return undefined;
  }
}
