import type { ByteStream } from './byte-stream.ts';
import { transferError } from './errors.ts';
import type { End, ReceiveEvents, ReceivePort } from './ports.ts';

/**
 * What every receiving port over a stream that is only read has in common: waiting, reading ahead, the end.
 *
 * It reads one message ahead, so that the end is noticed also while nobody receives, and nothing beyond: that is what
 * holds the peer back. How bytes become messages is the subclass's; it owns the memory it reads into.
 */
export abstract class StreamReader implements ReceivePort {
  end: End | undefined;
  readonly #stream: ByteStream;
  readonly #shortIsEmpty: boolean;
  /** The next message is whole, and nobody has taken it. */
  #ahead = false;
  /** The last read found the stream empty, and nothing has been reported since. */
  #dry = false;
  #events!: ReceiveEvents;
  #released = false;

  /** @param shortIsEmpty - Whether a read that brings less than asked for has emptied the stream; not so of packets. */
  constructor(stream: ByteStream, shortIsEmpty = true) {
    this.#stream = stream;
    this.#shortIsEmpty = shortIsEmpty;
    stream.onReady = (readable) => {
      if (readable) this.#onReadable();
    };
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#stream.want(true, false);
  }

  pull(patient = false): Uint8Array | undefined {
    return this.#next(patient) ? this.take(true) : undefined;
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    for (; count < limit && this.#next(false); count++) handler(this.take(false));
    return count;
  }

  awaitMessage(on: boolean): void {
    if (on && this.end === undefined && !this.#released) this.#stream.want(true, false);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#ahead = false;
    this.drop();
    this.#stream.close();
  }

  /**
   * Makes the next message whole, by {@link fill} as often as needed. False when it has not all come or the stream is over,
   * which {@link end} then tells.
   */
  protected abstract cut(patient: boolean): boolean;

  /** Hands out the message that {@link cut} has made whole, in memory of its own or as a view until the next call. */
  protected abstract take(owned: boolean): Uint8Array;

  /** Lets go of what has been read. */
  protected abstract drop(): void;

  /** What it means that the stream is over: unless a format can tell, that is the clean end. */
  protected endOfStream(): End {
    return {};
  }

  /** One read. Returns the bytes that came, 0 when the stream is over, -1 when there is nothing yet. */
  protected fill(target: Uint8Array, offset: number, length: number, patient: boolean): number {
    if (patient && this.#dry) return -1;
    try {
      const count = this.#stream.read(target, offset, length);
      this.#dry = count === -1 || (this.#shortIsEmpty && count < length);
      if (count === 0) this.endWith(this.endOfStream());
      else if (count === -1) this.#stream.want(true, false);
      return count;
    } catch (error) {
      this.endWith({ error: transferError(error, 'receive') });
      return 0;
    }
  }

  protected endWith(end: End): void {
    this.end = end;
    this.#stream.want(false, false);
  }

  #onReadable(): void {
    if (this.#ahead) {
      this.#stream.want(false, false); // hold the peer back until somebody takes
      return;
    }
    this.#dry = false;
    this.#ahead = this.#cut(false);
    this.#events.ready();
  }

  #next(patient: boolean): boolean {
    const whole = this.#ahead || this.#cut(patient);
    this.#ahead = false;
    return whole;
  }

  #cut(patient: boolean): boolean {
    return !this.#released && this.end?.error === undefined && this.cut(patient);
  }
}
