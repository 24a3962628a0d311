/**
 * File locks. Both kinds belong to the open file description, not to the process: they work between two opens of one
 * process, and the kernel releases them when the last fd of the description is closed, a SIGKILL included. The two kinds do not
 * see each other.
 */
import { native } from './binding.ts';

/** Many shared locks, or one exclusive one. */
export type LockKind = 'shared' | 'exclusive';

/**
 * Sets or releases a lock on the bytes `[start, start + length)`; length 0 means "to the end, wherever that is".
 * Never waits. Locking what one holds changes its kind.
 *
 * @returns false when another open file description holds a lock in the way.
 * @throws {TypeError} `kind`. @throws {RangeError} `start`, `length`.
 * @throws EBADF when the fd is not open for reading ('shared') or writing ('exclusive'); ENOLCK.
 * Cost: one system call. Source: F_OFD_SETLK in fcntl(2).
 */
export const ofdLock: (fd: number, kind: LockKind | 'unlock', start: number, length: number) => boolean =
  native('ofdLock');

/**
 * Whether another open file description holds a lock that would be in the way.
 *
 * @throws As `ofdLock`. Source: F_OFD_GETLK in fcntl(2).
 */
export const ofdHolder: (fd: number, kind: LockKind, start: number, length: number) => boolean =
  native('ofdHolder');

/**
 * Sets or releases a lock on the whole file; any open mode will do. Never waits.
 *
 * @returns false when another open file description holds a lock in the way; a lock held before is then lost.
 * @throws {TypeError} `kind`. @throws EBADF, ENOLCK. Source: flock(2), LOCK_NB.
 */
export const flock: (fd: number, kind: LockKind | 'unlock') => boolean = native('flock');
