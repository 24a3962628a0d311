import type { Channel, Listener, WaitOptions } from './channel.ts';
import { Deque } from './deque.ts';
import { closedError } from './errors.ts';
import { iterate } from './iterate.ts';
import { rejected } from './rejected.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * The listener of every transport: channels come in by {@link QueueListener.push} and wait to be accepted.
 *
 * Closing it closes the channels nobody accepted, then calls `release` for the mechanism's own resources.
 */
export class QueueListener implements Listener {
  readonly name: string;
  readonly closed: Promise<Error | undefined>;
  readonly #arrived = new Deque<Channel>();
  readonly #waiting = new WaitQueue<undefined, Channel>();
  readonly #release: () => void | Promise<void>;
  #settleClosed!: (failure: Error | undefined) => void;
  #over: Error | undefined;
  #closing: Promise<void> | undefined;

  constructor(name: string, release: () => void | Promise<void>) {
    this.name = name;
    this.#release = release;
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
  }

  /** Channels that have arrived and nobody has accepted. */
  get pending(): number {
    return this.#arrived.length;
  }

  /** A new channel: for the first who waits, or for the next who asks. */
  push(channel: Channel): void {
    if (this.#over !== undefined) void channel.close();
    else if (!this.#waiting.resolveNext(channel)) this.#arrived.push(channel);
  }

  /** The mechanism broke: what has arrived can still be accepted, then `accept` rejects with `error`. */
  fail(error: Error): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#waiting.rejectAll(error);
    this.#settleClosed(error);
  }

  accept({ signal }: WaitOptions = {}): Promise<Channel> {
    if (signal?.aborted === true) return rejected(signal.reason);
    const channel = this.#waiting.length === 0 ? this.#arrived.shift() : undefined;
    if (channel !== undefined) return Promise.resolve(channel);
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return this.#waiting.wait(undefined, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncIterator](): AsyncIterator<Channel, undefined> {
    return iterate(() => this.accept());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const error = closedError('listener');
    this.#over ??= error;
    this.#waiting.rejectAll(error);
    const closing: Promise<void>[] = [];
    for (let channel = this.#arrived.shift(); channel !== undefined; channel = this.#arrived.shift())
      closing.push(channel.close());
    await Promise.all(closing);
    await this.#release();
    this.#over = error;
    this.#settleClosed(undefined);
  }
}
