/**
 * Non-blocking bytes in both directions: what frames need of a pipe, a socket or a Node stream.
 *
 * "Would block" is -1, never an error. Interest is level-triggered: while a direction is wanted
 * and ready, `onReady` is called once per turn of the event loop.
 */
export interface ByteStream {
  /**
   * Reads up to `length` bytes into `target` from `offset`. Returns the count, 0 at the end of the stream, -1 when it
   * would block. What comes after a count below `length` is reported by `onReady`.
   */
  read(target: Uint8Array, offset: number, length: number): number;
  /**
   * Reads into `target` from `offset` to its end, and what comes behind that into `second[0, secondLength)`. Returns the
   * count over both, as `read`. Optional: where it costs no more than one read.
   */
  readPair?(target: Uint8Array, offset: number, second: Uint8Array, secondLength: number): number;
  /** Writes up to `length` bytes. Returns the count, -1 when it would block. Throws an errno error when the reader is gone. */
  write(source: Uint8Array, offset: number, length: number): number;
  /** Both at once, `first` in front. Returns the count over both. */
  writePair(first: Uint8Array, firstLength: number, second: Uint8Array): number;
  /**
   * Set by the owner. Readable also means "the next read tells of the end". A stream that is only written says also,
   * whatever is wanted, that its reader is `gone`: no write will ever succeed.
   */
  onReady: (readable: boolean, writable: boolean, gone?: boolean) => void;
  /** Which directions `onReady` shall report. Cheap when nothing changes. */
  want(readable: boolean, writable: boolean): void;
  /** Releases the descriptors. Idempotent. */
  close(): void;
}

/** The wants of two halves that share one stream. */
export class StreamInterest {
  readonly #stream: ByteStream;
  #readable = false;
  #writable = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  set readable(on: boolean) {
    if (on === this.#readable) return;
    this.#readable = on;
    this.#stream.want(on, this.#writable);
  }

  set writable(on: boolean) {
    if (on === this.#writable) return;
    this.#writable = on;
    this.#stream.want(this.#readable, on);
  }
}
