import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ByteStream } from './byte-stream.ts';

/**
 * A Node stream as a {@link ByteStream}: sockets, TLS, stdio, anything with `read` and `write`.
 *
 * It costs one copy each way more than a descriptor, and works on every platform.
 * Closing ends the writable side and goes on dropping what still comes in, so that a TCP
 * peer gets everything that was flushed instead of a reset.
 */
export class NodeByteStream implements ByteStream {
  onReady: (readable: boolean, writable: boolean, gone?: boolean) => void = () => undefined;
  readonly #stream: Duplex;
  #chunk: Uint8Array | undefined;
  #chunkStart = 0;
  /** The stream has said that a read would bring something, be it the end. */
  #told = false;
  #wantsReadable = false;
  #wantsWritable = false;
  #reportScheduled = false;
  #ended = false;
  #closed = false;
  #failure: Error | undefined;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('readable', this.#onReadable);
    stream.on('drain', this.#report);
    stream.on('end', () => {
      this.#ended = true;
      this.#report();
    });
    stream.on('error', (error) => {
      this.#failure = error;
      this.#report();
    });
    stream.on('close', () => {
      this.#ended = true;
      this.#report();
    });
  }

  read(target: Uint8Array, offset: number, length: number): number {
    let count = 0;
    while (count < length) {
      const chunk = this.#next();
      if (chunk === undefined) break;
      const taken = Math.min(length - count, chunk.length - this.#chunkStart);
      target.set(chunk.subarray(this.#chunkStart, this.#chunkStart + taken), offset + count);
      count += taken;
      this.#chunkStart += taken;
      if (this.#chunkStart === chunk.length) this.#chunk = undefined;
    }
    if (count > 0) return count;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#ended ? 0 : -1;
  }

  write(source: Uint8Array, offset: number, length: number): number {
    if (!this.#writes()) return -1;
    this.#stream.write(source.slice(offset, offset + length));
    return length;
  }

  writePair(first: Uint8Array, firstLength: number, second: Uint8Array): number {
    if (!this.#writes()) return -1;
    const both = new Uint8Array(firstLength + second.length);
    both.set(first.subarray(0, firstLength));
    both.set(second, firstLength);
    this.#stream.write(both);
    return both.length;
  }

  want(readable: boolean, writable: boolean): void {
    this.#wantsReadable = readable;
    this.#wantsWritable = writable;
    if (readable || writable) this.#report();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#chunk = undefined;
    const stream = this.#stream;
    stream.off('readable', this.#onReadable);
    stream.resume();
    stream.end();
    if (stream instanceof Socket) stream.unref();
  }

  /** The chunk that is being read; `undefined` when the stream has none, and then it tells of the next. */
  #next(): Uint8Array | undefined {
    if (this.#chunk !== undefined) return this.#chunk;
    const chunk = this.#stream.read() as unknown;
    if (chunk === null) {
      this.#told = false;
      return undefined;
    }
    if (!(chunk instanceof Uint8Array)) {
      throw new TypeError('the stream must carry bytes, without encoding or object mode');
    }
    this.#chunkStart = 0;
    return (this.#chunk = chunk);
  }

  #writes(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#stream.writable)
      throw Object.assign(new Error('EPIPE: the stream has ended'), { code: 'EPIPE' });
    return !this.#stream.writableNeedDrain;
  }

  /** Interest is level-triggered and Node's events are edges: each report that still holds schedules the next look. */
  readonly #report = (): void => {
    if (this.#reportScheduled || this.#closed) return;
    this.#reportScheduled = true;
    setImmediate(() => {
      this.#reportScheduled = false;
      if (this.#closed) return;
      const readable = this.#wantsReadable && this.#tells();
      const writable = this.#wantsWritable && (!this.#stream.writable || !this.#stream.writableNeedDrain);
      const gone = this.#failure !== undefined || this.#stream.destroyed;
      if (!readable && !writable && !gone) return;
      this.onReady(readable, writable, gone);
      if (this.#wantsReadable && (this.#chunk !== undefined || this.#stream.readableLength > 0))
        this.#report();
    });
  };

  readonly #onReadable = (): void => {
    this.#told = true;
    this.#report();
  };

  /** Whether a read would bring bytes or the end. */
  #tells(): boolean {
    return (
      this.#told ||
      this.#chunk !== undefined ||
      this.#stream.readableLength > 0 ||
      this.#ended ||
      this.#failure !== undefined
    );
  }
}
