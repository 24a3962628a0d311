import { randomBytes } from 'node:crypto';
import { closedError, onAbort, rejected } from '@ipc/core';
import type { Queue, QueueSendOptions, QueueWaitOptions } from './queue.ts';
import { decodeWork, encodeWork, FAILURE, JOB, PROGRESS, RESULT } from './work-envelope.ts';

/** @see WorkClient.submit */
export interface SubmitOptions extends QueueSendOptions, QueueWaitOptions {
  /** Told what the handler says by `progress`. */
  readonly onProgress?: ((payload: Uint8Array) => void) | undefined;
}

interface Pending {
  readonly onProgress: SubmitOptions['onProgress'];
  readonly resolve: (result: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Sends jobs and hears of their results.
 *
 * Each client needs a queue of its own for the results, which its workers are given: replies that it does not
 * know, those of a job done twice among them, are dropped.
 */
export class WorkClient implements Disposable {
  readonly #jobs: Queue;
  readonly #results: Queue;
  readonly #pending = new Map<bigint, Pending>();
  readonly #closing = new AbortController();
  #listening = false;

  /** Both queues stay the caller's. */
  constructor(jobs: Queue, results: Queue) {
    this.#jobs = jobs;
    this.#results = results;
  }

  /**
   * Sends a job, and waits for its result.
   *
   * @throws {Error} The handler failed for the last time: its message. @throws `signal.reason`: the job may be done all the same.
   * @throws {IpcError} As `Queue.send`; ERR_IPC_CLOSED when this client or a queue is closed meanwhile.
   */
  async submit(
    payload: Uint8Array,
    { onProgress, signal, ...options }: SubmitOptions = {},
  ): Promise<Uint8Array> {
    signal?.throwIfAborted();
    if (this.#closing.signal.aborted) throw closedError('work client');
    const id = randomBytes(8).readBigUInt64LE();
    let stopListening: (() => void) | undefined;
    const result = new Promise<Uint8Array>((resolve, reject) => {
      this.#pending.set(id, { onProgress, resolve, reject });
      if (signal === undefined) return;
      stopListening = onAbort(signal, () => {
        if (this.#pending.delete(id)) resolve(rejected(signal.reason));
      });
    });
    result.catch(() => undefined); // heard below, but perhaps not before the job is sent
    try {
      await this.#jobs.send(encodeWork(JOB, id, payload), { ...options, signal });
      void this.#listen();
      return await result;
    } finally {
      stopListening?.();
      this.#pending.delete(id);
    }
  }

  /** Jobs without an answer yet fail with ERR_IPC_CLOSED; they may be done all the same. */
  close(): void {
    this.#closing.abort();
    this.#failAll(closedError('work client'));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Receives as long as somebody waits for a result. */
  async #listen(): Promise<void> {
    if (this.#listening) return;
    this.#listening = true;
    try {
      while (this.#pending.size > 0) {
        const { bytes } = await this.#results.receive({ signal: this.#closing.signal });
        const { kind, id, payload } = decodeWork(bytes);
        const pending = this.#pending.get(id);
        if (kind === PROGRESS) pending?.onProgress?.(payload);
        else if (kind === RESULT) pending?.resolve(payload);
        else if (kind === FAILURE) pending?.reject(new Error(new TextDecoder().decode(payload)));
        if (kind !== PROGRESS) this.#pending.delete(id);
      }
    } catch (error) {
      this.#failAll(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#listening = false;
    }
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
