import { closeSync, constants } from 'node:fs';
import { checkName, closedError, fromErrno, WaitQueue, type WaitOptions } from '@ipc/core';
import {
  eventfd,
  read,
  READABLE,
  semOpen,
  semUnlink,
  watch,
  type NamedSemaphore,
  type Watch,
} from '@ipc/native';
import { checkTimeout, type BlockOptions } from './timeout.ts';

/** @see PosixSemaphore */
export interface PosixSemaphoreOptions {
  /** Of a new semaphore: 0..2,147,483,647. @default 1 */
  readonly permits?: number | undefined;
  /** Permission bits of a new semaphore. @default 0o600 */
  readonly mode?: number | undefined;
}

const MAX_PERMITS = 2_147_483_647;
/** A blocking wait looks up this often, so that a worker thread can be terminated. */
const sliceMs = 100;

/**
 * The system's own named semaphore, shared with programs in C, Python and others: `sem_open("/name")`.
 *
 * It has no owner: nobody knows who took a permit, and those of a process that dies are gone. Among programs of this
 * toolkit take {@link Semaphore}. The name stays until `unlink`, or a reboot.
 *
 * Thread: the one that opened it. The system wakes nobody but blocked threads: while callers wait on the event loop, one
 * thread (none of libuv's pool) blocks for them. Source: sem_overview(7).
 * @throws {IpcError} ERR_IPC_CLOSED from every call after `close`.
 */
export class PosixSemaphore implements Disposable {
  readonly name: string;
  readonly #semaphore: NamedSemaphore;
  readonly #queue = new WaitQueue<undefined, undefined>();
  /** Since the first caller that had to wait. */
  #bell: { readonly descriptor: number; readonly watch: Watch } | undefined;
  #open = true;

  private constructor(name: string, flags: number, { permits = 1, mode = 0o600 }: PosixSemaphoreOptions) {
    checkName(name);
    if (!Number.isInteger(permits) || permits < 0 || permits > MAX_PERMITS)
      throw new RangeError(`permits must be an integer from 0 to ${MAX_PERMITS}, got ${permits}`);
    this.name = name;
    try {
      this.#semaphore = semOpen(`/${name}`, flags, mode, permits);
    } catch (error) {
      throw fromErrno(error, 'open POSIX semaphore', name);
    }
  }

  /** Makes a semaphore. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. @throws {TypeError} The name. @throws {RangeError} `permits`. */
  static create(name: string, options: PosixSemaphoreOptions = {}): PosixSemaphore {
    return new PosixSemaphore(name, constants.O_CREAT | constants.O_EXCL, options);
  }

  /** Opens a semaphore, with the permits it has. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_PERMISSION. */
  static open(name: string): PosixSemaphore {
    return new PosixSemaphore(name, 0, {});
  }

  /** Opens a semaphore, or makes it: `permits` and `mode` matter only then. Throws as both. */
  static openOrCreate(name: string, options: PosixSemaphoreOptions = {}): PosixSemaphore {
    return new PosixSemaphore(name, constants.O_CREAT, options);
  }

  /** Removes a name, whoever uses it. False when there is none. @throws {IpcError} ERR_IPC_PERMISSION. */
  static unlink(name: string): boolean {
    checkName(name);
    try {
      semUnlink(`/${name}`);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw fromErrno(error, 'unlink POSIX semaphore', name);
    }
  }

  /** Takes a permit; false when there is none. Cost: one call into C, usually no system call. */
  tryAcquire(): boolean {
    this.#checkOpen();
    return this.#semaphore.tryWait();
  }

  /** Takes a permit, waiting on the event loop, behind the other callers of this object. Rejects with `signal.reason`; a permit that came too late is given back. */
  async acquire({ signal }: WaitOptions = {}): Promise<void> {
    this.#checkOpen();
    signal?.throwIfAborted();
    if (this.#queue.length === 0 && this.#semaphore.tryWait()) return;
    const waited = this.#queue.wait(undefined, signal);
    if (this.#queue.length === 1) this.#listen();
    try {
      await waited;
    } finally {
      if (this.#queue.length === 0) this.#rest();
    }
  }

  /** Takes a permit, blocking the thread; false when `timeoutMs` of the monotonic clock has passed. */
  acquireSync({ timeoutMs }: BlockOptions = {}): boolean {
    this.#checkOpen();
    const patienceMs = checkTimeout(timeoutMs);
    if (this.#semaphore.tryWait()) return true; // before the clock is read
    const startMs = performance.now();
    for (;;) {
      const leftMs = patienceMs < 0 ? sliceMs : patienceMs - (performance.now() - startMs);
      if (this.#semaphore.wait(Math.max(0, Math.min(leftMs, sliceMs)))) return true;
      if (leftMs <= 0) return false;
    }
  }

  /** Adds permits, whoever took them. @throws {RangeError} `permits`; more than 2,147,483,647 in all: those that fit are added. */
  release(permits = 1): void {
    this.#checkOpen();
    if (!Number.isInteger(permits) || permits < 1 || permits > MAX_PERMITS)
      throw new RangeError(`permits must be an integer from 1 to ${MAX_PERMITS}, got ${permits}`);
    for (let permit = 0; permit < permits; permit++) {
      try {
        this.#semaphore.post();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EOVERFLOW') throw error;
        throw new RangeError(`a semaphore has at most ${MAX_PERMITS} permits`, { cause: error });
      }
    }
  }

  /** Permits that are free, at this moment. */
  get available(): number {
    this.#checkOpen();
    return this.#semaphore.value();
  }

  /** Lets go. Callers that wait get ERR_IPC_CLOSED. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#semaphore.close();
    this.#bell?.watch.close();
    if (this.#bell !== undefined) closeSync(this.#bell.descriptor);
    this.#queue.rejectAll(closedError('semaphore'));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Lets the thread wait for a permit, and keeps the process alive. */
  #listen(): void {
    if (this.#bell === undefined) {
      const descriptor = eventfd(0);
      const drained = new Uint8Array(8);
      this.#bell = {
        descriptor,
        watch: watch(descriptor, () => {
          read(descriptor, drained, 0, drained.length);
          this.#serve(this.#semaphore.taken());
        }),
      };
    }
    this.#bell.watch.update(READABLE);
    this.#semaphore.start(this.#bell.descriptor);
  }

  /** Hands a permit, if the thread has taken one, to the first who waits. */
  #serve(taken: boolean): void {
    if (taken && !this.#queue.resolveNext(undefined)) this.#semaphore.post();
    if (taken && this.#queue.length > 0 && this.#bell !== undefined)
      this.#semaphore.start(this.#bell.descriptor);
  }

  /** Nobody waits any more. */
  #rest(): void {
    if (!this.#open) return;
    this.#bell?.watch.update(0);
    if (this.#semaphore.stop()) this.#semaphore.post();
  }

  #checkOpen(): void {
    if (!this.#open) throw closedError('semaphore');
  }
}
