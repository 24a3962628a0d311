import {
  fromErrno,
  IpcError,
  type ByteStream,
  type End,
  type ReceiveEvents,
  type ReceivePort,
} from '@ipc/core';

export const NEWLINE = 0x0a;

const BUFFER_BYTES = 64 << 10;

/**
 * Lines off a byte stream, without their newlines. A last line without one counts.
 *
 * One read fills one buffer, which yields many lines. Each byte is searched once; a line longer than the
 * buffer doubles it, up to the limit: the cost stays linear and memory bounded.
 */
export class LineReader implements ReceivePort {
  end: End | undefined;
  readonly #stream: ByteStream;
  readonly #maxMessageBytes: number;
  #buffer = new Uint8Array(0);
  #start = 0;
  #filled = 0;
  /** No newline in `[#start, #searched)`. */
  #searched = 0;
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
    const length = this.#next();
    if (length === -1) return undefined;
    const line = this.#buffer.slice(this.#start, this.#start + length);
    this.#consume(length);
    return line;
  }

  drain(handler: (line: Uint8Array) => void, limit: number): number {
    let count = 0;
    while (count < limit) {
      const length = this.#next();
      if (length === -1) break;
      count++;
      const line = this.#buffer.subarray(this.#start, this.#start + length);
      this.#consume(length);
      handler(line);
    }
    return count;
  }

  awaitMessage(on: boolean): void {
    if (on && this.end === undefined && !this.#released) this.#stream.want(true, false);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#buffer = new Uint8Array(0);
    this.#start = this.#filled = this.#searched = 0;
    this.#stream.close();
  }

  #onReadable(): void {
    if (this.#find() !== -1) {
      this.#stream.want(false, false); // hold the writer back until somebody takes
      return;
    }
    this.#fill();
    this.#events.ready();
  }

  /** The length of the line at `#start`; -1 when it has not all come, or there is none. */
  #next(): number {
    for (;;) {
      const newline = this.#find();
      const length = (newline === -1 ? this.#filled : newline) - this.#start;
      if (length > this.#maxMessageBytes) this.#refuse();
      if (this.#released || this.end?.error !== undefined) return -1;
      if (newline !== -1) return length;
      if (this.end !== undefined) return length > 0 ? length : -1;
      if (!this.#fill()) return -1;
    }
  }

  /** Where the line at `#start` ends; -1 when that has not come. */
  #find(): number {
    if (this.#searched === this.#filled) return -1;
    const at = this.#buffer.indexOf(NEWLINE, this.#searched);
    const found = at !== -1 && at < this.#filled; // behind that is what an earlier read left
    this.#searched = found ? at : this.#filled;
    return found ? at : -1;
  }

  #consume(length: number): void {
    this.#start = Math.min(this.#start + length + 1, this.#filled);
    this.#searched = this.#start;
  }

  /** One read; false when nothing came, not even the end. */
  #fill(): boolean {
    this.#makeRoom();
    try {
      const count = this.#stream.read(this.#buffer, this.#filled, this.#buffer.length - this.#filled);
      if (count > 0) this.#filled += count;
      else if (count === 0) this.#endWith({});
      else this.#stream.want(true, false);
      return count !== -1;
    } catch (error) {
      this.#endWith({ error: fromErrno(error, 'receive') });
      return true;
    }
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
    this.#endWith({ error: new IpcError('ERR_IPC_TOO_LARGE', message) });
  }

  #endWith(end: End): void {
    this.end = end;
    this.#stream.want(false, false);
  }
}
