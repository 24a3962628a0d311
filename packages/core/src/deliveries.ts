import type { Delivery } from './channel.ts';
import { IpcError } from './errors.ts';
import type { SendPort } from './ports.ts';
import { rejected } from './rejected.ts';
import { WaitQueue } from './wait-queue.ts';

/** What has not left this process. */
export interface Outgoing {
  /** Calls that wait for room. */
  readonly waitingSends: number;
  /** See `Sender.bufferedBytes`. */
  readonly bufferedBytes: number;
}

const reached = Promise.resolve();
const levels: ReadonlySet<string> = new Set<Delivery>(['queued', 'kernel', 'received']);

/** Those who wait until everything sent before has come as far as they have asked. */
export class Deliveries {
  readonly #port: SendPort;
  readonly #outgoing: Outgoing;
  readonly #queueing: WaitQueue<undefined, undefined>;
  /** Each waits until no more than so many bytes are here. */
  readonly #flushing: WaitQueue<number, undefined>;
  /** Each waits for the receipt of this number. */
  readonly #asking = new WaitQueue<number, undefined>();
  #asked = 0;
  #receipts = 0;

  /** @param onAbort - Told when one who waited for room has given up. */
  constructor(port: SendPort, outgoing: Outgoing, onAbort: () => void) {
    this.#port = port;
    this.#outgoing = outgoing;
    this.#queueing = new WaitQueue(onAbort);
    this.#flushing = new WaitQueue(onAbort);
  }

  /** How many wait for room. */
  get length(): number {
    return this.#queueing.length + this.#flushing.length;
  }

  /** @throws {TypeError} @throws {RangeError} No such wish. @throws {IpcError} ERR_IPC_UNSUPPORTED: the peer cannot answer. */
  check(delivery: Delivery, lowWaterBytes: number): void {
    if (!levels.has(delivery))
      throw new TypeError(`delivery must be 'queued', 'kernel' or 'received', got ${delivery}`);
    if (delivery === 'received' && this.#port.ask === undefined)
      throw new IpcError('ERR_IPC_UNSUPPORTED', 'flush: this channel cannot tell what its peer has received');
    if (!(lowWaterBytes >= 0)) throw new RangeError(`lowWaterBytes must be at least 0, got ${lowWaterBytes}`);
    if (lowWaterBytes > 0 && delivery !== 'kernel')
      throw new TypeError(`lowWaterBytes goes with delivery 'kernel', not '${delivery}'`);
  }

  /** Waits until nothing waits for room any more, or no more than so many bytes are in this process. */
  left(
    delivery: Exclude<Delivery, 'received'>,
    lowWaterBytes: number,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const isQueued = delivery === 'queued';
    if (isQueued ? this.#outgoing.waitingSends === 0 : this.#isDownTo(lowWaterBytes)) return reached;
    if (signal?.aborted === true) return rejected(signal.reason);
    const left = isQueued
      ? this.#queueing.wait(undefined, signal)
      : this.#flushing.wait(lowWaterBytes, signal);
    this.#port.publish();
    this.#port.awaitRoom(true);
    return left;
  }

  /** Asks behind everything that was pushed, and waits for the receipt. */
  received(signal: AbortSignal | undefined): Promise<unknown> {
    const answered = this.#asking.wait(++this.#asked, signal);
    this.#port.ask?.();
    return answered;
  }

  /** More has left: those are told who waited for that. */
  serve(): void {
    if (this.#outgoing.waitingSends === 0) this.#queueing.resolveAll(undefined);
    resolveWhile(this.#flushing, (lowWaterBytes) => this.#isDownTo(lowWaterBytes));
  }

  /** The peer has answered the first ask that was not. */
  onReceipt(): void {
    if (this.#receipts < this.#asked) this.#receipts++;
    resolveWhile(this.#asking, (due) => due <= this.#receipts);
  }

  /** It never will answer what was asked so far. */
  onUnanswered(error: IpcError): void {
    this.#receipts = this.#asked;
    this.#asking.rejectAll(error);
  }

  /** Nobody waits any longer for anything to leave. */
  giveUp(error: IpcError): void {
    this.#queueing.rejectAll(error);
    this.#flushing.rejectAll(error);
  }

  /** Nor for receipts. */
  rejectAll(error: IpcError): void {
    this.giveUp(error);
    this.#asking.rejectAll(error);
  }

  /** Whether no more than so many bytes are here; of none, whether nothing is, be it an empty message. */
  #isDownTo(bytes: number): boolean {
    if (bytes > 0) return this.#outgoing.bufferedBytes <= bytes;
    return this.#outgoing.waitingSends === 0 && this.#port.pendingBytes === 0;
  }
}

function resolveWhile(waiting: WaitQueue<number, undefined>, isDue: (item: number) => boolean): void {
  for (let next = waiting.peek(); next !== undefined && isDue(next); next = waiting.peek())
    waiting.resolveNext(undefined);
}
