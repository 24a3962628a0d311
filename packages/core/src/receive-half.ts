import type { Receiver, WaitOptions } from './channel.ts';
import { closedError } from './errors.ts';
import { iterate } from './iterate.ts';
import type { End, ReceivePort } from './ports.ts';
import { rejected } from './rejected.ts';
import { WaitQueue } from './wait-queue.ts';

const ended = Promise.resolve(undefined);
const cleanEnd: End = {};

/** After this many receives that never had to wait, one waits for the event loop, so that nothing else starves. */
const receivesPerTurn = 1024;

/**
 * The receiving half of every channel: waiting, abort, batches, iteration and close over a {@link ReceivePort}.
 *
 * A message that is here costs one `pull` (and, for `receive`, one settled promise).
 */
export class ReceiveHalf implements Receiver {
  readonly closed: Promise<Error | undefined>;
  readonly #port: ReceivePort;
  readonly #onEnd: ((end: End) => void) | undefined;
  readonly #waiting = new WaitQueue<undefined, Uint8Array | undefined>(() => {
    this.#relax();
  });
  readonly #watching = new WaitQueue<undefined, undefined>(() => {
    this.#relax();
  });
  /** The next message, pulled to see that there is one. */
  #ahead: Uint8Array | undefined;
  #settleClosed!: (failure: Error | undefined) => void;
  #open = true;
  #endSeen = false;
  #receivesThisTurn = 0;

  /** @param onEnd - Told once when the peer's end is known, before everything is read. */
  constructor(port: ReceivePort, onEnd?: (end: End) => void) {
    this.#port = port;
    this.#onEnd = onEnd;
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
    port.attach({
      ready: () => {
        this.#serve();
      },
    });
  }

  get partialBytes(): number {
    return this.#port.partialBytes ?? 0;
  }

  receive(options?: WaitOptions): Promise<Uint8Array | undefined> {
    const signal = options?.signal;
    if (signal?.aborted === true) return rejected(signal.reason);
    if (!this.#open) return Promise.reject(closedError());
    if (this.#takesNow()) {
      const message = this.#pull(true);
      if (message !== undefined) return Promise.resolve(message);
      const end = this.#over();
      if (end !== undefined) return end.error === undefined ? ended : Promise.reject(end.error);
    }
    const received = this.#waiting.wait(undefined, signal);
    this.#port.awaitMessage(true);
    return received;
  }

  ready(options?: WaitOptions): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted === true) return rejected(signal.reason);
    if (!this.#open) return Promise.reject(closedError());
    if (this.#waiting.length === 0 && this.#isReady()) return ended;
    const ready = this.#watching.wait(undefined, signal);
    this.#port.awaitMessage(true);
    return ready;
  }

  tryReceive(): Uint8Array | undefined {
    if (!this.#open) throw closedError();
    if (this.#waiting.length > 0) return undefined;
    const message = this.#pull(false);
    if (message === undefined) this.#noticeEnd(true);
    return message;
  }

  drain(handler: (message: Uint8Array) => void, limit: number = Infinity): number {
    if (!this.#open) throw closedError();
    if (this.#waiting.length > 0) return 0;
    const ahead = limit >= 1 ? this.#ahead : undefined;
    if (ahead === undefined) return this.#drainPort(handler, limit);
    this.#ahead = undefined;
    handler(ahead);
    return 1 + this.#drainPort(handler, limit - 1);
  }

  close(): Promise<void> {
    if (this.#open) {
      this.#open = false;
      this.#waiting.rejectAll(closedError());
      this.#watching.rejectAll(closedError());
      this.#ahead = undefined;
      this.#port.release();
      this.#settleClosed(undefined);
    }
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return iterate(() => this.receive());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether a new receive may pull at once; arranges for a turn of the event loop when it may not. */
  #takesNow(): boolean {
    if (this.#waiting.length > 0) return false;
    if (++this.#receivesThisTurn < receivesPerTurn) return true;
    this.#receivesThisTurn = 0;
    setImmediate(() => {
      this.#serve();
    });
    return false;
  }

  /** Gives what has come to those who wait, in their order; then, at the end, the end. */
  #serve(): void {
    while (this.#open && this.#waiting.length > 0) {
      const message = this.#pull(true);
      if (message === undefined) {
        const end = this.#over();
        if (end !== undefined) {
          if (end.error === undefined) this.#waiting.resolveAll(undefined);
          else this.#waiting.rejectAll(end.error);
        }
        break;
      }
      this.#waiting.resolveNext(message);
    }
    if (!this.#open) return;
    this.#noticeEnd(false);
    if (this.#watching.length > 0 && this.#isReady()) this.#watching.resolveAll(undefined);
    this.#port.awaitMessage(this.#waiting.length + this.#watching.length > 0);
  }

  #pull(patient: boolean): Uint8Array | undefined {
    const ahead = this.#ahead;
    if (ahead === undefined) return this.#port.pull(patient);
    this.#ahead = undefined;
    return ahead;
  }

  #drainPort(handler: (message: Uint8Array) => void, limit: number): number {
    const count = this.#open ? this.#port.drain(handler, limit) : 0;
    if (count === 0 && limit >= 1) this.#noticeEnd(true);
    return count;
  }

  /** Whether there is a message or an end. */
  #isReady(): boolean {
    if (this.#port.has?.() === true) return true;
    if (this.#port.has === undefined) this.#ahead ??= this.#port.pull(true);
    return this.#ahead !== undefined || this.#over() !== undefined;
  }

  /** The last who waited has given up. */
  #relax(): void {
    if (this.#waiting.length + this.#watching.length === 0) this.#port.awaitMessage(false);
  }

  /** What receiving ends with, as nothing is here: a peer that has ended its direction did so cleanly, whatever became of it. */
  #over(): End | undefined {
    const end = this.#noticeEnd(true);
    return this.#port.ended === true ? cleanEnd : end;
  }

  /** Tells the world of the peer's end, once; once everything is read too, nothing needs to be held any longer. */
  #noticeEnd(drained: boolean): End | undefined {
    const { end } = this.#port;
    if (end === undefined) return undefined;
    if (!this.#endSeen) {
      this.#endSeen = true;
      this.#settleClosed(end.error);
      this.#onEnd?.(end);
    }
    if (drained) this.#port.release();
    return end;
  }
}
