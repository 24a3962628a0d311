import { closedError, IpcError, iterate, rejected, WaitQueue } from '@ipc/core';
import type {
  LeasedMessage,
  Queue,
  QueueAttributes,
  QueueBlockOptions,
  QueueLeaseOptions,
  QueueMessage,
  QueueSendOptions,
  QueueTraits,
  QueueWaitOptions,
} from './queue.ts';
import type { QueuePort, QueueTiming } from './queue-port.ts';

/** Messages of one call that wait for room, and how many of them are in the queue. */
interface Batch {
  readonly messages: readonly Uint8Array[];
  readonly priority: number;
  readonly timing: QueueTiming | undefined;
  pushed: number;
}

const stored = Promise.resolve();

/** After this many calls that never had to wait, one waits for the event loop, so that nothing else starves. */
const callsPerTurn = 1024;
/** A wait counts for as many: it may have been served by a port that blocked this thread for up to 100 µs, instead of by the event loop. */
const callsPerWait = 32;

/** The contract of {@link Queue} over a port: order, waiting, abort, batches, blocking, close. */
export class PortQueue implements Queue {
  readonly name: string | undefined;
  readonly traits: QueueTraits;
  readonly #port: QueuePort;
  readonly #sending = new WaitQueue<Batch, undefined>();
  readonly #receiving = new WaitQueue<number | undefined, QueueMessage>();
  /** Whoever gave up waiting must not keep the process alive (Q15), nor hold up those behind. */
  readonly #stopAwaiting = (): void => {
    this.#serveSenders();
    this.#serveReceivers();
  };
  #open = true;
  #callsThisTurn = 0;
  /** Whoever waits is served in the next turn of the event loop, not before. */
  #yielding = false;

  constructor(port: QueuePort, name: string | undefined) {
    this.#port = port;
    this.name = name;
    this.traits = port.traits;
    port.attach({
      room: () => {
        this.#serveSenders();
      },
      ready: () => {
        this.#serveReceivers();
      },
    });
  }

  send(message: Uint8Array, options?: QueueSendOptions & QueueWaitOptions): Promise<void> {
    try {
      options?.signal?.throwIfAborted();
      const priority = this.#check(message, options);
      const timing = this.#timing(options);
      if (this.#goesNow(this.#sending.length) && this.#port.push(message, priority, timing)) return stored;
      return this.#waitForRoom({ messages: [message], priority, timing, pushed: 0 }, options?.signal);
    } catch (error) {
      return rejected(error);
    }
  }

  trySend(message: Uint8Array, options?: QueueSendOptions): boolean {
    const priority = this.#check(message, options);
    const timing = this.#timing(options);
    return this.#sending.length === 0 && this.#port.push(message, priority, timing);
  }

  sendSync(message: Uint8Array, options?: QueueSendOptions & QueueBlockOptions): boolean {
    const priority = this.#check(message, options);
    const timing = this.#timing(options);
    const remaining = deadline(options);
    for (;;) {
      this.#serveSenders(); // those who came first, also while this thread is blocked
      if (this.#sending.length === 0 && this.#port.push(message, priority, timing)) return true;
      const timeoutMs = remaining();
      if (timeoutMs === 0) return false;
      this.#port.blockForRoom(timeoutMs);
    }
  }

  sendMany(messages: readonly Uint8Array[], options?: QueueSendOptions & QueueWaitOptions): Promise<void> {
    try {
      options?.signal?.throwIfAborted();
      const priority = this.#checkAll(messages, options);
      const timing = this.#timing(options);
      const pushed = this.#goesNow(this.#sending.length) ? this.#pushMany(messages, priority, timing) : 0;
      if (pushed === messages.length) return stored;
      return this.#waitForRoom({ messages, priority, timing, pushed }, options?.signal);
    } catch (error) {
      return rejected(error);
    }
  }

  trySendMany(messages: readonly Uint8Array[], options?: QueueSendOptions): number {
    const priority = this.#checkAll(messages, options);
    const timing = this.#timing(options);
    return this.#sending.length === 0 ? this.#pushMany(messages, priority, timing) : 0;
  }

  receive(options: QueueLeaseOptions & QueueWaitOptions): Promise<LeasedMessage>;
  receive(options?: QueueWaitOptions): Promise<QueueMessage>;
  receive(options?: Partial<QueueLeaseOptions> & QueueWaitOptions): Promise<QueueMessage> {
    try {
      options?.signal?.throwIfAborted();
      const leaseMs = this.#checkLease(options);
      const message = this.#goesNow(this.#receiving.length) ? this.#port.pull(leaseMs) : undefined;
      if (message !== undefined) return Promise.resolve(message);
      return this.#waitForMessage(leaseMs, options?.signal);
    } catch (error) {
      return rejected(error);
    }
  }

  tryReceive(options: QueueLeaseOptions): LeasedMessage | undefined;
  tryReceive(): QueueMessage | undefined;
  tryReceive(options?: QueueLeaseOptions): QueueMessage | undefined {
    const leaseMs = this.#checkLease(options);
    return this.#receiving.length === 0 ? this.#port.pull(leaseMs) : undefined;
  }

  receiveSync(options: QueueLeaseOptions & QueueBlockOptions): LeasedMessage | undefined;
  receiveSync(options?: QueueBlockOptions): QueueMessage | undefined;
  receiveSync(options?: Partial<QueueLeaseOptions> & QueueBlockOptions): QueueMessage | undefined {
    const leaseMs = this.#checkLease(options);
    const remaining = deadline(options);
    for (;;) {
      this.#serveReceivers(); // those who came first, also while this thread is blocked
      const message = this.#receiving.length === 0 ? this.#port.pull(leaseMs) : undefined;
      if (message !== undefined) return message;
      const timeoutMs = remaining();
      if (timeoutMs === 0) return undefined;
      this.#port.blockForMessage(timeoutMs);
    }
  }

  drain(handler: (message: QueueMessage) => void, limit: number = Infinity): number {
    this.#checkOpen();
    if (this.#receiving.length > 0) return 0;
    let count = 0;
    while (this.#open && count < limit) {
      const message = this.#port.pull();
      if (message === undefined) break;
      count++;
      handler(message);
    }
    return count;
  }

  attributes(): QueueAttributes {
    this.#checkOpen();
    return this.#port.attributes();
  }

  unlink(): boolean {
    this.#checkOpen();
    return this.#port.unlink();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#port.release();
    const error = closedError('queue');
    this.#sending.rejectAll(error);
    this.#receiving.rejectAll(error);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<QueueMessage, undefined> {
    return iterate(() => this.receive());
  }

  #waitForRoom(batch: Batch, signal: AbortSignal | undefined): Promise<undefined> {
    const sent = this.#sending.wait(batch, signal);
    this.#callsThisTurn += callsPerWait;
    if (signal !== undefined) sent.catch(this.#stopAwaiting);
    if (!this.#yielding) this.#port.awaitRoom(true);
    return sent;
  }

  #waitForMessage(leaseMs: number | undefined, signal: AbortSignal | undefined): Promise<QueueMessage> {
    const received = this.#receiving.wait(leaseMs, signal);
    this.#callsThisTurn += callsPerWait;
    if (signal !== undefined) received.catch(this.#stopAwaiting);
    if (!this.#yielding) this.#port.awaitMessage(true);
    return received;
  }

  #pushMany(messages: readonly Uint8Array[], priority: number, timing: QueueTiming | undefined): number {
    let pushed = 0;
    for (const message of messages) {
      if (!this.#port.push(message, priority, timing)) break;
      pushed++;
    }
    return pushed;
  }

  /** Whether a call may go ahead at once; arranges for a turn of the event loop when it may not. */
  #goesNow(waiting: number): boolean {
    if (waiting > 0) return false;
    if (++this.#callsThisTurn < callsPerTurn) return true;
    this.#callsThisTurn = 0;
    this.#yielding = true;
    setImmediate(() => {
      this.#yielding = false;
      this.#serveSenders();
      this.#serveReceivers();
    });
    return false;
  }

  /** Pushes for those who wait, in their order, as far as there is room. */
  #serveSenders(): void {
    for (let batch = this.#sending.peek(); batch !== undefined; batch = this.#sending.peek()) {
      try {
        for (
          let next = batch.messages[batch.pushed];
          next !== undefined;
          next = batch.messages[batch.pushed]
        ) {
          if (!this.#port.push(next, batch.priority, batch.timing)) break;
          batch.pushed++;
        }
      } catch (error) {
        this.#sending.rejectNext(error);
        continue;
      }
      if (batch.pushed < batch.messages.length) break;
      this.#sending.resolveNext(undefined);
    }
    if (this.#open) this.#port.awaitRoom(this.#sending.length > 0);
  }

  /** Gives what has come to those who wait, in their order. */
  #serveReceivers(): void {
    while (this.#open && this.#receiving.length > 0) {
      try {
        const message = this.#port.pull(this.#receiving.peek());
        if (message === undefined) break;
        this.#receiving.resolveNext(message);
      } catch (error) {
        this.#receiving.rejectNext(error);
      }
    }
    if (this.#open) this.#port.awaitMessage(this.#receiving.length > 0);
  }

  #checkAll(messages: readonly Uint8Array[], options: QueueSendOptions | undefined): number {
    const priority = this.#checkPriority(options);
    for (const message of messages) this.#checkMessage(message);
    return priority;
  }

  #check(message: Uint8Array, options: QueueSendOptions | undefined): number {
    this.#checkMessage(message);
    return this.#checkPriority(options);
  }

  #checkMessage(message: Uint8Array): void {
    if (!(message instanceof Uint8Array)) throw new TypeError('a message must be a Uint8Array');
    const { maxMessageBytes } = this.#port;
    if (message.length > maxMessageBytes) {
      throw new IpcError(
        'ERR_IPC_TOO_LARGE',
        `message of ${message.length} bytes exceeds this queue's maxMessageBytes, which is ${maxMessageBytes}: ` +
          (this.#port.largerMessages?.(message.length) ?? 'create the queue with a larger one') +
          ', or split the message',
        { name: this.name },
      );
    }
  }

  #checkPriority(options: QueueSendOptions | undefined): number {
    this.#checkOpen();
    const priority = options?.priority ?? 0;
    const { maxPriority } = this.traits;
    if (!Number.isInteger(priority) || priority < 0 || priority > maxPriority) {
      throw new RangeError(`priority must be an integer from 0 to ${maxPriority}, got ${priority}`);
    }
    return priority;
  }

  /** `undefined` where the message may be received at once and for ever, which costs nothing. */
  #timing(options: QueueSendOptions | undefined): QueueTiming | undefined {
    if (options?.delayMs === undefined && options?.ttlMs === undefined) return undefined;
    this.#checkLeases();
    const { delayMs = 0, ttlMs } = options;
    checkTime('delayMs', delayMs, 0);
    if (ttlMs !== undefined && ttlMs !== Infinity) checkTime('ttlMs', ttlMs, Number.MIN_VALUE);
    return { delayMs, ttlMs: ttlMs === undefined || ttlMs === Infinity ? 0 : ttlMs };
  }

  #checkLease(options: Partial<QueueLeaseOptions> | undefined): number | undefined {
    this.#checkOpen();
    const leaseMs = options?.leaseMs;
    if (leaseMs === undefined) return undefined;
    this.#checkLeases();
    checkTime('leaseMs', leaseMs, Number.MIN_VALUE);
    return leaseMs;
  }

  #checkLeases(): void {
    if (!this.traits.leases)
      throw new IpcError(
        'ERR_IPC_UNSUPPORTED',
        'this queue has no leases, delays and times to live; SharedQueue has',
        {
          name: this.name,
        },
      );
  }

  #checkOpen(): void {
    if (!this.#open) throw closedError('queue');
  }
}

/** @throws {RangeError} */
export function checkTime(option: string, ms: number, least: number): void {
  if (typeof ms !== 'number' || !(ms >= least && ms <= 2 ** 48))
    throw new RangeError(
      `${option} must be a number of milliseconds ${least === 0 ? 'from' : 'above'} 0, got ${ms}`,
    );
}

/** A function that tells how much of `timeoutMs` is left: -1 for ever, 0 when it is over. */
function deadline(options: QueueBlockOptions | undefined): () => number {
  const timeoutMs = options?.timeoutMs;
  if (timeoutMs === undefined || timeoutMs === Infinity) return () => -1;
  if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs must be a number >= 0, got ${timeoutMs}`);
  const endMs = performance.now() + timeoutMs;
  return () => Math.max(0, endMs - performance.now());
}
