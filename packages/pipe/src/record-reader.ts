import { IpcError, ownedSlice, StreamReader, type ByteStream } from '@ipc/core';
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
export class RecordReader extends StreamReader {
  readonly #maxMessageBytes: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #filled = 0;
  #assembly: Assembly | undefined;
  /** A large message that is complete and that nobody has taken; a small one is in the buffer at `#start`. */
  #large: Uint8Array | undefined;
  /** Payload bytes of the small message. */
  #length = 0;

  constructor(stream: ByteStream, maxMessageBytes: number) {
    super(stream);
    this.#maxMessageBytes = maxMessageBytes;
  }

  protected override cut(patient: boolean): boolean {
    while (this.end === undefined) {
      const here = this.#filled - this.#start;
      const header = here < RECORD_HEADER_BYTES ? 0 : readU32(this.#buffer, this.#start);
      const length = recordLength(header);
      if (length > RECORD_MAX_BYTES) {
        const message = `what came in is no record: its length is ${length}`;
        this.endWith({ error: new IpcError('ERR_IPC_CORRUPT', message) });
      } else if (here < RECORD_HEADER_BYTES + length) {
        if (!this.#readMore(patient)) return false;
      } else if ((header & FIRST) !== 0 && (header & LAST) !== 0) {
        this.#length = length;
        return true;
      } else {
        this.#start += RECORD_HEADER_BYTES;
        this.#assemble(header, this.#buffer.subarray(this.#start, this.#start + length));
        this.#start += length;
        if (this.#large !== undefined) return true;
      }
    }
    return false;
  }

  protected override take(owned: boolean): Uint8Array {
    const large = this.#large;
    this.#large = undefined;
    if (large !== undefined) return large;
    const from = this.#start + RECORD_HEADER_BYTES;
    this.#start = from + this.#length;
    return owned ? ownedSlice(this.#buffer, from, this.#start) : this.#buffer.subarray(from, this.#start);
  }

  protected override drop(): void {
    this.#large = this.#assembly = undefined;
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
  #readMore(patient: boolean): boolean {
    this.#buffer.copyWithin(0, this.#start, this.#filled);
    this.#filled -= this.#start;
    this.#start = 0;
    const count = this.fill(this.#buffer, this.#filled, BUFFER_BYTES - this.#filled, patient);
    if (count <= 0) return false;
    this.#filled += count;
    return true;
  }
}
