/** Shared memory: named and anonymous objects, their pages and seals, and their mapping into JavaScript. */
import { constants } from 'node:buffer';
import { isSharedArrayBuffer } from 'node:util/types';
import { native } from './binding.ts';

/** No further seals. See F_ADD_SEALS in fcntl(2). */
export const SEAL_SEAL = 0x01;
/** The size cannot be reduced, so that no page of a mapping can vanish (SIGBUS). */
export const SEAL_SHRINK = 0x02;
/** The size cannot be increased. */
export const SEAL_GROW = 0x04;
/** The content cannot be changed; refused (EBUSY) while a writable mapping exists. */
export const SEAL_WRITE = 0x08;
/** No new writable mapping; those that exist stay writable. Linux 5.1. */
export const SEAL_FUTURE_WRITE = 0x10;

/** `memfdCreate`: back the memory with huge pages of the default size. See memfd_create(2). */
export const MFD_HUGETLB = 0x04;

/**
 * Opens or creates a named shared memory object, `/dev/shm/<name>`.
 *
 * @param name - A slash and then no other. @param flags - O_RDWR, O_CREAT, O_EXCL... of `fs.constants`.
 * @throws ENOENT, EEXIST, EACCES, EINVAL (bad name), ENAMETOOLONG. Source: shm_open(3).
 */
export const shmOpen: (name: string, flags: number, mode: number) => number = native('shmOpen');

/** Removes the name; the memory lives on while it is open or mapped. @throws ENOENT, EACCES. Source: shm_unlink(3). */
export const shmUnlink: (name: string) => void = native('shmUnlink');

/**
 * Creates anonymous memory that can be sealed and passed to another process as an fd.
 *
 * @param name - Shown in /proc only. @param flags - MFD_HUGETLB; close-on-exec and sealing are always on.
 * @throws EINVAL (name over 249 bytes, unknown flags), EMFILE, ENOMEM. Source: memfd_create(2).
 */
export const memfdCreate: (name: string, flags?: number) => number = native('memfdCreate');

/**
 * Grows the object to at least `bytes` and reserves every page of it, so that touching them later cannot fail
 * (SIGBUS). On ENOSPC the object may have grown; remove it.
 *
 * @throws ENOSPC when /dev/shm (or the memory limit) is full; EFBIG; EPERM when sealed; EBADF.
 * Thread: blocks for about 0.25 ms a MiB; signals wait that long. Source: posix_fallocate(3).
 */
export const allocate: (fd: number, bytes: number) => void = native('allocate');

/** Adds SEAL_* bits. @throws EPERM when SEAL_SEAL is set; EBUSY; EINVAL for no memfd. Source: fcntl(2). */
export const addSeals: (fd: number, seals: number) => void = native('addSeals');

/** The SEAL_* bits. @throws EINVAL when `fd` is no memfd. Source: fcntl(2). */
export const getSeals: (fd: number) => number = native('getSeals');

/** @see map */
export interface MapOptions {
  /** Map the pages without write permission: a store through the buffer kills the process (SIGSEGV). */
  readonly readOnly?: boolean | undefined;
  /** Fill the page tables now, so that first touches do not fault. */
  readonly populate?: boolean | undefined;
  /** Where in the object the mapping starts: a multiple of the page size. */
  readonly offset?: number | undefined;
}

const mapPages: (
  fd: number,
  bytes: number,
  readOnly: boolean,
  populate: boolean,
  offset: number,
) => ArrayBuffer = native('map');

/**
 * Maps an object into memory, shared with every process that maps it. The fd may be closed afterwards.
 *
 * `Atomics` on it are atomic across processes; `Atomics.wait` and `notify` do not cross them (see `futexWait`). The
 * pages are unmapped when the buffer and all views of it are collected; the collector is told of their size.
 *
 * The first mapping of anything but a memfd sealed with SEAL_SHRINK installs a handler of SIGBUS: see `lostPages`.
 *
 * @returns A SharedArrayBuffer where the runtime can wrap foreign memory in one (Node 22.23, 24.21, 26), which may be
 *   passed to workers; else an ArrayBuffer, which cannot be transferred. Its length is `bytes`.
 * @throws {RangeError} The object is smaller than `offset + bytes`: those pages would be SIGBUS. Or `bytes` is more than
 *   one buffer holds (4 GiB in Node 20).
 * @throws EACCES (permission, or writable on a read-only fd), EPERM (sealed), ENOMEM (also: more than
 *   vm.max_map_count mappings), EINVAL (`offset`), ENODEV.
 * @throws ERR_IPC_UNSUPPORTED where V8 refuses external memory (Electron).
 * Cost: two system calls, then a page fault for each first touch. Source: mmap(2).
 */
export function map(fd: number, bytes: number, options: MapOptions = {}): ArrayBuffer | SharedArrayBuffer {
  if (bytes > constants.MAX_LENGTH) {
    throw new RangeError(
      `bytes: one buffer of this runtime holds at most ${constants.MAX_LENGTH} bytes, got ${bytes}`,
    );
  }
  return mapPages(fd, bytes, options.readOnly ?? false, options.populate ?? false, options.offset ?? 0);
}

const countLostPages: (bytes: Uint8Array) => number = native('lostPages');

/**
 * How many pages of a mapping vanished since it was made, because somebody cut the file short or its disk failed, and were
 * touched. Each was replaced by a page of zeros that no other process sees, where without this package SIGBUS
 * would have ended the process. A SIGBUS anywhere else stays what it was.
 *
 * @throws {TypeError} `buffer` is not from `map`, or unmapped. Cost: about 60 ns. Source: sigaction(2), mmap(2).
 */
export function lostPages(buffer: ArrayBuffer | SharedArrayBuffer): number {
  return countLostPages(new Uint8Array(buffer));
}

const detachAndUnmap: (buffer: ArrayBuffer) => void = native('unmap');

/**
 * Unmaps now. An ArrayBuffer is detached: its length and that of its views becomes 0; twice is harmless. A
 * SharedArrayBuffer cannot be detached, so for one this does nothing, and collection unmaps it.
 *
 * No system call may be using the buffer on another thread (an `fs.write` under way, say).
 *
 * @throws {TypeError} `buffer` is not from `map`. Source: munmap(2).
 */
export function unmap(buffer: ArrayBuffer | SharedArrayBuffer): void {
  if (!isSharedArrayBuffer(buffer)) detachAndUnmap(buffer);
}

const syncPages: (bytes: Uint8Array, offset: number, length: number) => void = native('sync');

/**
 * Writes the pages of a mapped file that hold `[offset, offset + length)` to the disk, and waits for it.
 *
 * @throws {TypeError} `buffer` is not from `map`, or unmapped. @throws {RangeError} The range is not inside it.
 * @throws EIO. Source: msync(2), MS_SYNC.
 */
export function sync(buffer: ArrayBuffer | SharedArrayBuffer, offset: number, length: number): void {
  syncPages(new Uint8Array(buffer), offset, length);
}

const lockPages: (bytes: Uint8Array, offset: number, length: number) => void = native('lock');

/**
 * Keeps the pages in memory: they are never swapped out.
 *
 * @throws {TypeError} `buffer` is not from `map`, or unmapped.
 * @throws ENOMEM, EPERM over RLIMIT_MEMLOCK (`ulimit -l`). Source: mlock(2).
 */
export function lock(buffer: ArrayBuffer | SharedArrayBuffer): void {
  const bytes = new Uint8Array(buffer);
  lockPages(bytes, 0, bytes.length);
}

/** How the pages will be used; see madvise(2). */
export type MemoryAdvice =
  | 'normal'
  | 'random'
  | 'sequential'
  | 'will-need'
  | 'dont-need'
  | 'huge-page'
  | 'no-huge-page'
  | 'dont-fork'
  | 'dont-dump';

const advisePages: (bytes: Uint8Array, offset: number, length: number, advice: MemoryAdvice) => void =
  native('advise');

/**
 * Tells the kernel how the pages will be used.
 *
 * @throws {TypeError} `buffer` is not from `map`, or unmapped; `advice` is none.
 * @throws EINVAL when the kernel lacks it. Source: madvise(2).
 */
export function advise(buffer: ArrayBuffer | SharedArrayBuffer, advice: MemoryAdvice): void {
  const bytes = new Uint8Array(buffer);
  advisePages(bytes, 0, bytes.length, advice);
}
