import { IpcError, ownedSlice, StreamReader, type ByteStream } from '@ipc/core';

export const NEWLINE = 0x0a;

const BUFFER_BYTES = 64 << 10;

/**
 * Lines off a byte stream, without their newlines. A last line without one counts.
 *
 * One read fills one buffer, which yields many lines. Each byte is searched once; a line longer than the
 * buffer doubles it, up to the limit: the cost stays linear and memory bounded.
 */
export class LineReader extends StreamReader {
  readonly #maxMessageBytes: number;
  #buffer = new Uint8Array(0);
  #start = 0;
  #filled = 0;
  /** No newline in `[#start, #searched)`. */
  #searched = 0;
  /** Bytes of the line at `#start`, once it is whole. */
  #length = 0;

  constructor(stream: ByteStream, maxMessageBytes: number) {
    super(stream);
    this.#maxMessageBytes = maxMessageBytes;
  }

  protected override cut(patient: boolean): boolean {
    for (;;) {
      const newline = this.#find();
      this.#length = (newline === -1 ? this.#filled : newline) - this.#start;
      if (this.#length > this.#maxMessageBytes) {
        this.#refuse();
        return false;
      }
      if (newline !== -1) return true;
      if (this.end !== undefined) return this.end.error === undefined && this.#length > 0;
      this.#makeRoom();
      const count = this.fill(this.#buffer, this.#filled, this.#buffer.length - this.#filled, patient);
      if (count === -1) return false;
      this.#filled += count;
    }
  }

  protected override take(owned: boolean): Uint8Array {
    const from = this.#start;
    const to = from + this.#length;
    this.#start = this.#searched = Math.min(to + 1, this.#filled);
    return owned ? ownedSlice(this.#buffer, from, to) : this.#buffer.subarray(from, to);
  }

  protected override drop(): void {
    this.#buffer = new Uint8Array(0);
    this.#start = this.#filled = this.#searched = 0;
  }

  /** Where the line at `#start` ends; -1 when that has not come. */
  #find(): number {
    if (this.#searched === this.#filled) return -1;
    const at = this.#buffer.indexOf(NEWLINE, this.#searched);
    const found = at !== -1 && at < this.#filled; // behind that is what an earlier read left
    this.#searched = found ? at : this.#filled;
    return found ? at : -1;
  }

  #makeRoom(): void {
    const kept = this.#filled - this.#start;
    const large = kept > this.#buffer.length / 2;
    const target =
      large || this.#buffer.length === 0
        ? new Uint8Array(Math.max(BUFFER_BYTES, 2 * this.#buffer.length))
        : this.#buffer;
    target.set(this.#buffer.subarray(this.#start, this.#filled));
    this.#buffer = target;
    this.#searched -= this.#start;
    this.#start = 0;
    this.#filled = kept;
  }

  #refuse(): void {
    const message = `a line of more than ${this.#maxMessageBytes} bytes came in, which is maxMessageBytes`;
    this.endWith({ error: new IpcError('ERR_IPC_TOO_LARGE', message) });
  }
}
