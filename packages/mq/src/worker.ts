import { onAbort } from '@ipc/core';
import type { LeasedMessage, Queue, QueueMessage } from './queue.ts';
import { decodeWork, encodeWork, FAILURE, PROGRESS, RESULT } from './work-envelope.ts';

/** What a handler is told besides the job. */
export interface JobContext {
  /** From 1; above 1 the job was tried before, and may have been done. */
  readonly attempt: number;
  /** Aborted when `stop` has run out of patience. */
  readonly signal: AbortSignal;
  /** Tells the client how far it is; without `results` it tells nobody. */
  readonly progress: (payload: Uint8Array) => Promise<void>;
}

/** Does a job. What it returns is the result; what it throws makes the job come back. */
export type JobHandler = (
  payload: Uint8Array,
  context: JobContext,
) => Uint8Array | undefined | Promise<Uint8Array | undefined> | Promise<void>;

export interface WorkerOptions {
  /** Jobs at once. @default 1 */
  readonly concurrency?: number | undefined;
  /** Where the queue has leases: how long a job may go without a sign of life; extended as long as the process runs. @default 30_000 */
  readonly leaseMs?: number | undefined;
  /** How often a job is tried, at most. @default 5 */
  readonly attempts?: number | undefined;
  /** How long a job that failed for the n-th time waits. @default 100 ms, doubled each time, at most 30 s */
  readonly backoffMs?: ((attempt: number) => number) | undefined;
  /** Where results, failures and progress go: the same queue as of the `WorkClient` that sends the jobs. */
  readonly results?: Queue | undefined;
  /** Told of each failure; `final` when it was the last attempt. */
  readonly onFailure?:
    ((error: unknown, payload: Uint8Array, attempt: number, final: boolean) => void) | undefined;
}

/** Works off a queue until it is stopped. */
export interface Worker extends AsyncDisposable {
  /** Jobs being done. */
  readonly running: number;
  /** Resolved once stopped; rejects when the queue failed, e.g. was closed. */
  readonly stopped: Promise<void>;
  /** Takes no further job and waits for those begun; when `signal` aborts, theirs does, too. Idempotent. */
  stop(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
}

/**
 * Starts to work off a queue of any engine.
 *
 * Where the queue has leases, a job is in it until its handler has succeeded: a killed worker's jobs come back at once, a failed
 * one after its backoff, and after the queue's `maxAttempts` it is a dead letter. The others hand a job out for good: it is
 * tried again here, and lost with this process.
 *
 * @throws {RangeError} An option.
 */
export function worker(queue: Queue, handler: JobHandler, options: WorkerOptions = {}): Worker {
  return new QueueWorker(queue, handler, options);
}

const doubling = (attempt: number): number => Math.min(30_000, 100 * 2 ** (attempt - 1));

class QueueWorker implements Worker {
  readonly stopped: Promise<void>;
  readonly #queue: Queue;
  readonly #handler: JobHandler;
  readonly #leaseMs: number;
  readonly #attempts: number;
  readonly #backoffMs: (attempt: number) => number;
  readonly #results: Queue | undefined;
  readonly #onFailure: WorkerOptions['onFailure'];
  /** No further jobs. */
  readonly #enough = new AbortController();
  /** Out of patience. */
  readonly #giveUp = new AbortController();
  #running = 0;

  constructor(
    queue: Queue,
    handler: JobHandler,
    {
      concurrency = 1,
      leaseMs = 30_000,
      attempts = 5,
      backoffMs = doubling,
      results,
      onFailure,
    }: WorkerOptions,
  ) {
    if (!Number.isInteger(concurrency) || concurrency < 1)
      throw new RangeError(`concurrency must be a positive integer, got ${concurrency}`);
    if (!Number.isInteger(attempts) || attempts < 1)
      throw new RangeError(`attempts must be a positive integer, got ${attempts}`);
    if (!(leaseMs >= 1)) throw new RangeError(`leaseMs must be a number from 1, got ${leaseMs}`);
    this.#queue = queue;
    this.#handler = handler;
    this.#leaseMs = leaseMs;
    this.#attempts = attempts;
    this.#backoffMs = backoffMs;
    this.#results = results;
    this.#onFailure = onFailure;
    this.stopped = Promise.all(Array.from({ length: concurrency }, () => this.#work())).then(() => undefined);
    this.stopped.catch(() => undefined); // whoever stops it hears of it
  }

  get running(): number {
    return this.#running;
  }

  stop({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#enough.abort();
    const giveUp = (): void => {
      this.#giveUp.abort(signal?.reason);
    };
    if (signal === undefined) return this.stopped;
    if (!signal.aborted) return this.stopped.finally(onAbort(signal, giveUp));
    giveUp();
    return this.stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #work(): Promise<void> {
    while (!this.#enough.signal.aborted) {
      const message = await this.#next();
      if (message === undefined) return;
      this.#running++;
      try {
        if (isLeased(message)) await this.#doLeased(message);
        else await this.#doHere(message);
      } catch (error) {
        this.#enough.abort();
        throw error;
      } finally {
        this.#running--;
      }
    }
  }

  async #next(): Promise<QueueMessage | undefined> {
    const { signal } = this.#enough;
    try {
      return await (this.#queue.traits.leases
        ? this.#queue.receive({ leaseMs: this.#leaseMs, signal })
        : this.#queue.receive({ signal }));
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  async #doLeased(message: LeasedMessage): Promise<void> {
    const { attempt } = message;
    const signOfLife = setInterval(() => {
      if (!message.extend(this.#leaseMs)) clearInterval(signOfLife);
    }, this.#leaseMs / 3);
    try {
      if (await this.#try(message, attempt)) message.acknowledge();
      else if (attempt < this.#attempts) message.release({ delayMs: this.#backoffMs(attempt) });
      else if (this.#results === undefined) message.release();
      else message.acknowledge(); // its client has been told
    } finally {
      clearInterval(signOfLife);
    }
  }

  async #doHere(message: QueueMessage): Promise<void> {
    for (let attempt = 1; !(await this.#try(message, attempt)) && attempt < this.#attempts; attempt++)
      await pause(this.#backoffMs(attempt), this.#giveUp.signal);
  }

  /** One attempt; true when it succeeded. Throws only what is wrong with the results' queue. */
  async #try({ bytes }: QueueMessage, attempt: number): Promise<boolean> {
    let id = 0n;
    let payload = bytes;
    let result: Uint8Array;
    try {
      if (this.#results !== undefined) ({ id, payload } = decodeWork(bytes));
      const context: JobContext = {
        attempt,
        signal: this.#giveUp.signal,
        progress: async (part) => this.#results?.send(encodeWork(PROGRESS, id, part)),
      };
      result = (await this.#handler(payload, context)) ?? new Uint8Array(0);
    } catch (error) {
      const final = attempt >= this.#attempts;
      this.#onFailure?.(error, payload, attempt, final);
      const reason = new TextEncoder().encode(error instanceof Error ? error.message : String(error));
      if (final) await this.#results?.send(encodeWork(FAILURE, id, reason));
      return false;
    }
    await this.#results?.send(encodeWork(RESULT, id, result));
    return true;
  }
}

function isLeased(message: QueueMessage): message is LeasedMessage {
  return 'acknowledge' in message;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
