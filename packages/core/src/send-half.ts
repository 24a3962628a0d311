import type { FlushOptions, Sender, WaitOptions } from './channel.ts';
import { Deliveries, type Outgoing } from './deliveries.ts';
import { closedError, IpcError } from './errors.ts';
import { onAbort } from './on-abort.ts';
import type { SendPort } from './ports.ts';
import { rejected } from './rejected.ts';
import { WaitQueue } from './wait-queue.ts';

/** Messages of one call that wait for room, and how many of them have been pushed. */
interface Batch {
  readonly messages: readonly Uint8Array[];
  pushed: number;
}

/** What is left of a batch. */
function bytesOf({ messages, pushed }: Batch): number {
  let bytes = 0;
  for (let i = pushed; i < messages.length; i++) bytes += messages[i]?.length ?? 0;
  return bytes;
}

const accepted = Promise.resolve();

/** After this many sends that never had to wait, one waits for the event loop, so that nothing else starves. */
const sendsPerTurn = 1024;

/**
 * The sending half of every channel: order, waiting, abort, batches, flush and close over a {@link SendPort}.
 *
 * A send with room costs one `push` and one `publish`: no promise is created, nothing is queued.
 */
export class SendHalf implements Sender, Outgoing {
  readonly closed: Promise<Error | undefined>;
  readonly #port: SendPort;
  readonly #waiting = new WaitQueue<Batch, undefined>((batch) => {
    this.#waitingBytes -= bytesOf(batch);
    this.#relax();
  });
  readonly #deliveries: Deliveries;
  #waitingBytes = 0;
  #settleClosed!: (failure: Error | undefined) => void;
  #open = true;
  /** The peer was told that nothing follows; so many callers wait for that. */
  #ended = false;
  #ending = 0;
  #failure: IpcError | undefined;
  #closing: Promise<void> | undefined;
  /** Set when a close was aborted while it flushed. */
  #gaveUp: IpcError | undefined;
  #sendsThisTurn = 0;

  constructor(port: SendPort) {
    this.#port = port;
    this.#deliveries = new Deliveries(port, this, () => {
      this.#relax();
    });
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
    port.attach({
      room: () => {
        this.#serve();
      },
      fail: (error) => {
        this.fail(error);
      },
      received: () => {
        this.#deliveries.onReceipt();
      },
      unanswered: (error) => {
        this.#deliveries.onUnanswered(error);
      },
    });
  }

  /** How many calls wait for room. */
  get waitingSends(): number {
    return this.#waiting.length;
  }

  get bufferedBytes(): number {
    return this.#waitingBytes + this.#port.pendingBytes;
  }

  send(message: Uint8Array, options?: WaitOptions): Promise<void> {
    try {
      options?.signal?.throwIfAborted();
      this.#check(message);
      if (this.#takesNow() && this.#push(message)) {
        this.#port.publish();
        return accepted;
      }
    } catch (error) {
      return rejected(error);
    }
    return this.#wait({ messages: [message], pushed: 0 }, options?.signal);
  }

  trySend(message: Uint8Array): boolean {
    this.#check(message);
    if (this.#waiting.length > 0 || !this.#push(message)) return false;
    this.#port.publish();
    return true;
  }

  sendMany(messages: readonly Uint8Array[], options?: WaitOptions): Promise<void> {
    let pushed = 0;
    try {
      options?.signal?.throwIfAborted();
      for (const message of messages) this.#check(message);
      if (this.#takesNow()) pushed = this.trySendMany(messages);
      if (pushed === messages.length) return accepted;
    } catch (error) {
      return rejected(error);
    }
    return this.#wait({ messages, pushed }, options?.signal);
  }

  trySendMany(messages: readonly Uint8Array[], from = 0): number {
    if (!Number.isInteger(from) || from < 0) throw new RangeError(`from must be an index, got ${from}`);
    this.#checkOpen();
    if (this.#waiting.length > 0) return 0;
    const to = this.#sendableUpTo(messages, from);
    const sent = this.#pushMany(messages, from, to);
    if (sent === to - from && to < messages.length) this.#check(messages[to]); // throws
    return sent;
  }

  flush({ delivery = 'kernel', lowWaterBytes = 0, signal }: FlushOptions = {}): Promise<void> {
    try {
      signal?.throwIfAborted();
      this.#checkUnclosed();
      this.#deliveries.check(delivery, lowWaterBytes);
    } catch (error) {
      return rejected(error);
    }
    const reached =
      delivery === 'received' ? this.#received(signal) : this.#flushed(signal, delivery, lowWaterBytes);
    return reached.then(() => undefined);
  }

  /** See `Channel.end`. */
  async end({ signal }: WaitOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#port.end === undefined)
      throw new IpcError(
        'ERR_IPC_UNSUPPORTED',
        'end: this channel cannot end one direction; it can be closed',
      );
    this.#checkUnclosed();
    this.#open = false;
    this.#ending++;
    try {
      await this.#flushed(signal);
      this.#sayEnd();
    } finally {
      // Given up before anything was said: as if never asked.
      if (--this.#ending === 0 && !this.#ended) this.#open = this.#closing === undefined;
    }
    await this.#flushed(signal);
  }

  close(options?: WaitOptions): Promise<void> {
    this.#closing ??= this.#close();
    const signal = options?.signal;
    return signal === undefined ? this.#closing : this.#closeUnlessAborted(this.#closing, signal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The peer is gone, as seen by this half's port or by the other half. */
  fail(error: IpcError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#rejectWaiting(error);
    this.#port.release();
    this.#settleClosed(error);
  }

  /** Flushes and ends cleanly; or, once the peer is gone or flushing was given up, just ends. */
  async #close(): Promise<void> {
    this.#open = false;
    try {
      await this.#flushed(undefined);
      this.#port.finish();
      await this.#flushed(undefined);
    } catch (error) {
      if (error !== this.#failure && error !== this.#gaveUp) throw error;
    } finally {
      this.#rejectWaiting(closedError());
      this.#port.release();
      this.#settleClosed(this.#failure);
    }
  }

  #sayEnd(): void {
    if (this.#ended || this.#closing !== undefined) return; // a close says it as well
    this.#ended = true;
    this.#port.end?.();
  }

  async #closeUnlessAborted(closing: Promise<void>, signal: AbortSignal): Promise<void> {
    const giveUp = (): void => {
      this.#gaveUp ??= closedError();
      this.#deliveries.giveUp(this.#gaveUp);
    };
    let forget: (() => void) | undefined;
    if (signal.aborted) giveUp();
    else forget = onAbort(signal, giveUp);
    await closing.finally(forget);
    if (this.#gaveUp !== undefined) throw signal.reason;
  }

  #flushed(
    signal: AbortSignal | undefined,
    delivery: 'queued' | 'kernel' = 'kernel',
    lowWaterBytes = 0,
  ): Promise<unknown> {
    const over = this.#failure ?? this.#gaveUp;
    if (over !== undefined) return Promise.reject(over);
    return this.#deliveries.left(delivery, lowWaterBytes, signal);
  }

  /** Asks behind everything that waits now. */
  async #received(signal: AbortSignal | undefined): Promise<void> {
    await this.#flushed(signal, 'queued');
    signal?.throwIfAborted();
    this.#checkUnclosed();
    await this.#deliveries.received(signal);
  }

  #wait(batch: Batch, signal: AbortSignal | undefined): Promise<undefined> {
    this.#waitingBytes += bytesOf(batch);
    const sent = this.#waiting.wait(batch, signal);
    this.#port.awaitRoom(true);
    return sent;
  }

  #rejectWaiting(error: IpcError): void {
    this.#waiting.rejectAll(error);
    this.#waitingBytes = 0;
    this.#deliveries.rejectAll(error);
  }

  /** The last who waited has given up: the port need not watch for room any longer. */
  #relax(): void {
    if (this.#waiting.length + this.#deliveries.length === 0) this.#port.awaitRoom(false);
  }

  /** Whether a new send may be pushed at once; arranges for a turn of the event loop when it may not. */
  #takesNow(): boolean {
    if (this.#waiting.length > 0) return false;
    if (++this.#sendsThisTurn < sendsPerTurn) return true;
    this.#sendsThisTurn = 0;
    setImmediate(() => {
      this.#serve();
    });
    return false;
  }

  #push(message: Uint8Array): boolean {
    if (this.#port.push(message)) return true;
    if (this.#failure !== undefined) throw this.#failure;
    return false;
  }

  /** The index of the first message that is none, or too large; otherwise their number. */
  #sendableUpTo(messages: readonly Uint8Array[], from: number): number {
    const { maxMessageBytes } = this.#port;
    for (let index = from; index < messages.length; index++) {
      const message = messages[index];
      if (!(message instanceof Uint8Array) || message.length > maxMessageBytes) return index;
    }
    return messages.length;
  }

  /** Pushes what there is room for, and publishes it. */
  #pushMany(messages: readonly Uint8Array[], from: number, to: number): number {
    const port = this.#port;
    let sent = 0;
    try {
      if (port.pushMany === undefined)
        while (from + sent < to && port.push(messages[from + sent] as Uint8Array)) sent++;
      else sent = port.pushMany(messages, from, to);
    } finally {
      port.publish();
    }
    if (from + sent < to && this.#failure !== undefined) throw this.#failure;
    return sent;
  }

  /** Pushes for those who wait, in their order, as far as there is room. */
  #serve(): void {
    let published = true;
    for (let batch = this.#waiting.peek(); batch !== undefined; batch = this.#waiting.peek()) {
      try {
        for (
          let message = batch.messages[batch.pushed];
          message !== undefined;
          message = batch.messages[batch.pushed]
        ) {
          if (!this.#port.push(message)) break;
          batch.pushed++;
          this.#waitingBytes -= message.length;
          published = false;
        }
      } catch (error) {
        this.#waitingBytes -= bytesOf(batch);
        this.#waiting.rejectNext(error); // this message cannot be sent; those behind it may
        continue;
      }
      if (batch.pushed < batch.messages.length) break;
      this.#waiting.resolveNext(undefined);
    }
    if (!published) this.#port.publish();
    this.#deliveries.serve();
    this.#port.awaitRoom(this.#waiting.length + this.#deliveries.length > 0);
  }

  #check(message: unknown): void {
    if (!(message instanceof Uint8Array)) throw new TypeError('a message must be a Uint8Array');
    this.#checkOpen();
    if (message.length > this.#port.maxMessageBytes) {
      throw new IpcError(
        'ERR_IPC_TOO_LARGE',
        `message of ${message.length} bytes exceeds maxMessageBytes, which is ${this.#port.maxMessageBytes}`,
      );
    }
  }

  #checkOpen(): void {
    if (!this.#open)
      throw closedError(this.#closing === undefined ? 'sending direction of this channel' : undefined);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #checkUnclosed(): void {
    if (this.#closing !== undefined) throw closedError();
    if (this.#failure !== undefined) throw this.#failure;
  }
}
