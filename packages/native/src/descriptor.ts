/** File descriptors: pipes, FIFOs, eventfds, reads and writes. Everything opened here is close-on-exec. */
import { constants } from 'node:fs';
import { native } from './binding.ts';

/** `open`, of a folder: a file without a name, to be given one by `linkDescriptor`. `node:fs` lacks it. */
export const O_TMPFILE: number = 0o20000000 | constants.O_DIRECTORY;

/** `poll`: there is something to read, or the end. See poll(2). */
export const POLLIN = 0x001;
/** `poll`: a write would not block. */
export const POLLOUT = 0x004;
/** `poll`: an error is pending, or the other end of a pipe was closed. Always reported. */
export const POLLERR = 0x008;
/** `poll`: the other end hung up. Always reported. */
export const POLLHUP = 0x010;

/** @see pipe */
export interface PipeOptions {
  /** Each write up to 4,096 bytes is a packet of its own, and each read takes one (O_DIRECT). */
  readonly packet?: boolean | undefined;
}

const createPipe: (packet: boolean) => [readFd: number, writeFd: number] = native('pipe');

/**
 * Creates a pipe whose two ends are non-blocking.
 *
 * @returns `[readFd, writeFd]`; the caller closes both.
 * @throws {TypeError} `packet` is not a boolean.
 * @throws EMFILE, ENFILE when no fds are left.
 * Cost: one system call. Source: pipe2(2).
 */
export function pipe(options: PipeOptions = {}): [readFd: number, writeFd: number] {
  return createPipe(options.packet ?? false);
}

/**
 * Creates a FIFO (a named pipe) in the file system.
 *
 * @param mode - Permission bits, less the process's umask.
 * @throws EEXIST, ENOENT, EACCES, ENAMETOOLONG.
 * Source: mkfifo(3).
 */
export const mkfifo: (path: string, mode: number) => void = native('mkfifo');

/**
 * Opens a path with any flags of open(2); O_CLOEXEC is added. Unlike `fs.openSync` it takes O_PATH, O_TMPFILE and
 * the like, and never leaves the thread: opening a FIFO without O_NONBLOCK blocks until it has another end.
 *
 * @param flags - From `fs.constants`.
 * @param mode - Permission bits of a file that is created; 0o666 less the umask when left out.
 * @throws ENOENT, EEXIST, EACCES, ENXIO (a FIFO opened for writing, non-blocking, with no reader).
 * Source: open(2).
 */
export const open: (path: string, flags: number, mode?: number) => number = native('open');

/**
 * Gives the file behind an fd a name in the same file system. A file opened with O_TMPFILE has none until then, so
 * nobody ever finds it half written, and a process that dies on the way leaves nothing.
 *
 * @throws EEXIST (the name is taken: it is never replaced), EACCES, ENOENT (a deleted file, or no such folder), EXDEV.
 * Source: linkat(2) with AT_SYMLINK_FOLLOW, and O_TMPFILE in open(2).
 */
export const linkDescriptor: (fd: number, path: string) => void = native('linkDescriptor');

/**
 * Closes an fd. Close a `Watch` of it first.
 *
 * @throws EBADF. EINTR is not reported: Linux frees the fd all the same.
 * Source: close(2).
 */
export const close: (fd: number) => void = native('close');

/**
 * Leaves the closing of an fd to the end of this thread, should `close` not come first: a worker that is terminated runs no
 * code of its own that could. Whoever asks for it closes the fd with `close` of this package and nothing else, or takes it
 * back with `on` false before handing the fd to somebody who does not.
 *
 * @throws {TypeError} `on`. @throws EBADF. Cost: one system call; none for one that is left already, or taken back.
 */
export const closeAtThreadExit: (fd: number, on?: boolean) => void = native('closeAtThreadExit');

/**
 * Reads into `target[offset, offset + length)`.
 *
 * @returns Bytes read; 0 at the end; -1 when a non-blocking fd has nothing.
 * @throws {TypeError} `target` is not a Uint8Array. @throws {RangeError} The range is not inside it.
 * @throws EBADF, ECONNRESET, EINVAL.
 * Cost: one system call and about 100 ns. Source: read(2).
 */
export const read: (fd: number, target: Uint8Array, offset: number, length: number) => number =
  native('read');

/**
 * Writes `source[offset, offset + length)`.
 *
 * @returns Bytes written, which may be fewer; -1 when a non-blocking fd has no room.
 * @throws {TypeError} `source` is not a Uint8Array. @throws {RangeError} The range is not inside it.
 * @throws EPIPE when the other end is closed (Node ignores SIGPIPE). EBADF, ECONNRESET.
 * Cost: one system call and about 100 ns. Source: write(2); PIPE_BUF in pipe(7) for what is atomic.
 */
export const write: (fd: number, source: Uint8Array, offset: number, length: number) => number =
  native('write');

/**
 * Writes several arrays, in order, with one system call. Of more than 1,024 the first 1,024 are written.
 *
 * @returns Bytes written over all, which may end in the middle of one; -1 when there is no room.
 * @throws {TypeError} `sources` is not an array of Uint8Array.
 * @throws As `write`.
 * Cost: one system call and about 60 ns for each array. Source: writev(2).
 */
export const writev: (fd: number, sources: readonly Uint8Array[]) => number = native('writev');

/**
 * Reads into `target` from `offset` to its end, and what comes behind that into `second[0, secondLength)`, with one system call.
 *
 * @returns Bytes read into both; 0 at the end; -1 when a non-blocking fd has nothing.
 * @throws {TypeError} `target`, `second`. @throws {RangeError} `offset`, `secondLength`.
 * @throws As `read`.
 * Cost: one system call and about 150 ns. Source: readv(2).
 */
export const readPair: (
  fd: number,
  target: Uint8Array,
  offset: number,
  second: Uint8Array,
  secondLength: number,
) => number = native('readPair');

/**
 * Writes `first[0, firstLength)` and then all of `second` with one system call: a header and its payload.
 *
 * @returns Bytes written of both; -1 when there is no room.
 * @throws {TypeError} `first`, `second`. @throws {RangeError} `firstLength`.
 * @throws As `write`.
 * Cost: one system call and about 150 ns: half of what `writev` costs. Source: writev(2).
 */
export const writePair: (fd: number, first: Uint8Array, firstLength: number, second: Uint8Array) => number =
  native('writePair');

/**
 * Bytes that can be read at once: of a pipe or stream all that is queued, of a datagram socket the next message.
 *
 * @throws EBADF, ENOTTY. Source: FIONREAD in ioctl_tty(2), pipe(7).
 */
export const bytesReadable: (fd: number) => number = native('bytesReadable');

/** The capacity of a pipe in bytes. @throws EBADF. Source: F_GETPIPE_SZ in fcntl(2). */
export const pipeCapacity: (fd: number) => number = native('pipeCapacity');

/**
 * Sets the capacity of a pipe; the kernel rounds up to a power of two of pages.
 *
 * @returns The capacity it now has, in bytes.
 * @throws EPERM over /proc/sys/fs/pipe-max-size; EBUSY when more than that is queued; EBADF.
 * Source: F_SETPIPE_SZ in fcntl(2).
 */
export const setPipeCapacity: (fd: number, bytes: number) => number = native('setPipeCapacity');

/** Sets or clears O_NONBLOCK, for all who share the open file description. @throws EBADF. Source: fcntl(2). */
export const setNonBlocking: (fd: number, on: boolean) => void = native('setNonBlocking');

/** Sets or clears FD_CLOEXEC: cleared, a child process inherits the fd. @throws EBADF. Source: fcntl(2). */
export const setCloseOnExec: (fd: number, on: boolean) => void = native('setCloseOnExec');

/** A second fd for the same open file description, close-on-exec. @throws EBADF, EMFILE. Source: fcntl(2). */
export const duplicate: (fd: number) => number = native('duplicate');

/**
 * A counter that can be waited for, non-blocking. Read and write it 8 bytes at a time (native endian).
 *
 * @param initial - 0..2^32-1. @throws EMFILE. Source: eventfd(2).
 */
export const eventfd: (initial: number) => number = native('eventfd');

/**
 * An fd of a process; readable once the process has exited, even while it is a zombie.
 *
 * @throws ESRCH when there is no such process; ENOSYS before Linux 5.3. Source: pidfd_open(2).
 */
export const pidfdOpen: (pid: number) => number = native('pidfdOpen');

/**
 * Waits until one of several fds is ready. BLOCKS the thread, signals notwithstanding.
 *
 * @param fds - Negative ones are skipped. @param events - POLLIN, POLLOUT for each.
 * @param revents - Filled with what each is ready for, POLLERR and POLLHUP included.
 * @param timeoutMs - 0 looks once, -1 waits for ever; fractions count.
 * @returns How many are ready; 0 when the time is over.
 * @throws {RangeError} The arrays differ in length, or `timeoutMs` is negative and not -1.
 * @throws EINVAL for more fds than RLIMIT_NOFILE.
 * Source: poll(2), on CLOCK_MONOTONIC.
 */
export const poll: (fds: Int32Array, events: Int16Array, revents: Int16Array, timeoutMs: number) => number =
  native('poll');

/**
 * Moves bytes between two fds, one of which is a pipe, without copying them through the process.
 *
 * @returns Bytes moved; 0 at the end; -1 when it would block.
 * @throws EINVAL when neither is a pipe. EBADF, EPIPE. Source: splice(2).
 */
export const splice: (fdIn: number, fdOut: number, length: number) => number = native('splice');

/**
 * Copies what waits in one pipe into another, leaving it in the first, without copying it through the process.
 *
 * @returns Bytes that are now in both; 0 at the end; -1 when nothing waits or there is no room.
 * @throws EINVAL when one is no pipe, or both are the same. EBADF, EPIPE. Source: tee(2).
 */
export const tee: (fdIn: number, fdOut: number, length: number) => number = native('tee');
