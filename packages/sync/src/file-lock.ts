import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { closedError, fromErrno, type WaitOptions } from '@ipc/core';
import { flock, futexWait, ofdLock, type LockKind } from '@ipc/native';
import { checkTimeout, type BlockOptions } from './timeout.ts';
import { withHeld } from './with-held.ts';

/** A range of a file; without it, the whole file, wherever it ends. */
export interface ByteRange {
  /** Offset of the first byte. @default 0 */
  readonly start?: number | undefined;
  /** Bytes; 0 is "to the end". @default 0 */
  readonly length?: number | undefined;
}

/** @see FileLock */
export interface FileLockOptions {
  /**
   * `ofd`: open file description locks, on ranges, seen by fcntl(2) and lockf(3) of other programs; `flock`: flock(2), on
   * whole files, seen by flock(1). The two do not see each other. @default 'ofd'
   */
  readonly method?: 'ofd' | 'flock' | undefined;
}

/** Possession of a file lock. */
export class FileLockHeld implements Disposable {
  #release: (() => void) | undefined;

  /** @internal */
  constructor(release: () => void) {
    this.#release = release;
  }

  /** Releasing twice is harmless. */
  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** Who waits looks again after 1 ms, then ever later, at most this much. */
const longestNapMs = 20;

/**
 * A lock of a file, for coordination with any program through the file system. The kernel releases it when its holder dies.
 *
 * Each object opens the file for itself and excludes all others, those of the same process too; taking a range it already
 * holds changes its kind. The file is made, empty, if there is none, and is not removed. On network file systems it is as good as they are.
 *
 * The kernel tells nobody when a file lock becomes free but a blocked thread: who waits here looks again every 1 to 20 ms, and
 * blocks no thread of libuv's pool. For locks between programs of this toolkit take `Mutex` or `RwLock`.
 * Source: F_OFD_SETLK in fcntl(2), flock(2).
 * @throws {IpcError} ERR_IPC_CLOSED from every call after `close`.
 */
export class FileLock implements Disposable {
  readonly path: string;
  readonly #method: 'ofd' | 'flock';
  readonly #descriptor: number;
  #open = true;

  /** @throws {IpcError} ERR_IPC_PERMISSION, ERR_IPC_NOT_FOUND (the folder), ERR_IPC_LIMIT. */
  constructor(path: string, { method = 'ofd' }: FileLockOptions = {}) {
    this.path = path;
    this.#method = method;
    try {
      this.#descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    } catch (error) {
      throw fromErrno(error, 'open lock file', path);
    }
  }

  /**
   * Takes the lock if nobody is in the way.
   *
   * @throws {RangeError} `range`. @throws {TypeError} A range with `flock`. @throws {IpcError} ERR_IPC_LIMIT when the kernel has no lock left.
   */
  tryAcquire(kind: LockKind = 'exclusive', range: ByteRange = {}): FileLockHeld | undefined {
    if (!this.#open) throw closedError('file lock');
    const { start = 0, length = 0 } = range;
    if (this.#method === 'ofd') {
      if (!this.#taken(() => ofdLock(this.#descriptor, kind, start, length))) return undefined;
      return new FileLockHeld(() => {
        if (this.#open) ofdLock(this.#descriptor, 'unlock', start, length);
      });
    }
    if (start !== 0 || length !== 0) throw new TypeError('flock locks whole files: ranges need method "ofd"');
    if (!this.#taken(() => flock(this.#descriptor, kind))) return undefined;
    return new FileLockHeld(() => {
      if (this.#open) flock(this.#descriptor, 'unlock');
    });
  }

  #taken(take: () => boolean): boolean {
    try {
      return take();
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error; // the caller's
      throw fromErrno(error, 'lock file', this.path);
    }
  }

  /** Takes the lock, waiting on the event loop. Rejects with `signal.reason`. */
  async acquire(
    kind: LockKind = 'exclusive',
    { signal, ...range }: ByteRange & WaitOptions = {},
  ): Promise<FileLockHeld> {
    for (let napMs = 1; ; napMs = Math.min(napMs * 2, longestNapMs)) {
      signal?.throwIfAborted();
      const held = this.tryAcquire(kind, range);
      if (held !== undefined) return held;
      await setTimeout(napMs, undefined, signal === undefined ? {} : { signal }).catch(() =>
        signal?.throwIfAborted(),
      );
    }
  }

  /** Takes the lock, blocking the thread; undefined when `timeoutMs` has passed. */
  acquireSync(
    kind: LockKind = 'exclusive',
    { timeoutMs, ...range }: ByteRange & BlockOptions = {},
  ): FileLockHeld | undefined {
    const patienceMs = checkTimeout(timeoutMs);
    const startMs = performance.now();
    const word = new Int32Array(1);
    for (let napMs = 1; ; napMs = Math.min(napMs * 2, longestNapMs)) {
      const held = this.tryAcquire(kind, range);
      if (held !== undefined) return held;
      const leftMs = patienceMs < 0 ? napMs : patienceMs - (performance.now() - startMs);
      if (leftMs <= 0) return undefined;
      futexWait(word, 0, 0, Math.min(napMs, leftMs)); // a nap: nobody wakes it
    }
  }

  /** Acquires, runs `work`, releases. */
  async withLock<Result>(
    work: () => Result | Promise<Result>,
    kind?: LockKind,
    options?: ByteRange & WaitOptions,
  ): Promise<Awaited<Result>> {
    return withHeld(await this.acquire(kind, options), work);
  }

  /** Lets go of the file and all locks of this object. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#descriptor);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
