/** An fd on the event loop. */
import { native } from './binding.ts';

/** Bun and Deno export the names of libuv, but calling some of them ends the process. */
const hasLibuv = process.versions.bun === undefined && process.versions.deno === undefined;

/** There is something to read, or the end of it. */
export const READABLE = 1;
/** A write would not block. */
export const WRITABLE = 2;
/** The other end of a socket closed its sending half (EPOLLRDHUP). */
export const DISCONNECT = 4;
/** The fd has an error pending, or the reader of this pipe is gone. The watch has stopped; the next call tells why. */
export const FAILED = 8;

/** Waits for an fd to be ready, as long as it is told to. */
export interface Watch {
  /**
   * Says what to wait for: READABLE | WRITABLE | DISCONNECT, or 0 to stop. Level-triggered: `onReady` is called once
   * per turn of the event loop as long as the fd is ready. A watch that waits keeps the process alive (see `unref`).
   *
   * @throws {RangeError} `events` has other bits.
   * @throws EEXIST when another watch of this thread waits for the same fd; EBADF after `close`.
   * Cost: up to two system calls, one of them with the next turn. Call it on a change only.
   */
  update(events: number): void;
  /** Stops for good. Call it before the fd is closed. Closing twice is harmless. */
  close(): void;
  /** Keeps the process alive while waiting; the default. */
  ref(): void;
  /** Lets the process end while waiting. */
  unref(): void;
}

/**
 * Watches an fd, which is made non-blocking and stays the caller's to close. Nothing is awaited before `update`.
 *
 * A watch that is stopped may be dropped without `close`; one that waits lives until it is closed, stopped, or its
 * thread ends.
 *
 * @param onReady - Called on the thread of the call with a bit set of READABLE, WRITABLE, DISCONNECT and FAILED,
 *   with the async context of the call; ticks and microtasks run after it, and what it throws becomes an
 *   'uncaughtException'.
 * @throws EPERM for what cannot be awaited (regular files, directories); EBADF; EEXIST.
 * @throws ERR_IPC_UNSUPPORTED in a runtime without libuv.
 * Cost: three system calls. Source: `uv_poll_t` of libuv, epoll(7).
 */
export const watch: (fd: number, onReady: (readiness: number) => void) => Watch = hasLibuv
  ? native('watch')
  : () => {
      throw Object.assign(new Error('watch: this runtime has no libuv event loop; it needs Node'), {
        code: 'ERR_IPC_UNSUPPORTED',
      });
    };
