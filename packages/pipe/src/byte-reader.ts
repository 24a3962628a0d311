import { ownedSlice, StreamReader, type ByteStream } from '@ipc/core';

const CHUNK_BYTES = 64 << 10;

/** Bytes off a stream, one chunk per read. */
export class ByteReader extends StreamReader {
  #buffer: Uint8Array;
  /** Bytes of the chunk in the buffer. */
  #length = 0;

  constructor(stream: ByteStream, maxMessageBytes: number) {
    super(stream);
    this.#buffer = new Uint8Array(Math.min(CHUNK_BYTES, maxMessageBytes));
  }

  protected override cut(patient: boolean): boolean {
    if (this.end !== undefined) return false;
    this.#length = this.fill(this.#buffer, 0, this.#buffer.length, patient);
    return this.#length > 0;
  }

  protected override take(owned: boolean): Uint8Array {
    return owned ? ownedSlice(this.#buffer, 0, this.#length) : this.#buffer.subarray(0, this.#length);
  }

  protected override drop(): void {
    this.#buffer = new Uint8Array(0);
  }
}
