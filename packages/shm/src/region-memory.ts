/** The pages of a region: reserved, mapped, locked, huge; and the limits that are in the way, with what raises each. */
import { readFileSync, statfsSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { fromErrno, IpcError } from '@ipc/core';
import * as native from '@ipc/native';

/** How a region's pages are mapped. */
export interface RegionMemoryOptions {
  /** Page tables filled at once, so that first touches do not fault (about 0.25 µs each). @default false */
  readonly populate?: boolean | undefined;
  /** Pages kept out of swap: ERR_IPC_LIMIT over RLIMIT_MEMLOCK. Source: mlock(2). @default false */
  readonly lock?: boolean | undefined;
}

const HUGETLBFS = 0x958458f6; // of linux/magic.h

/** How large a page of an open file is, and thus what its size is a multiple of: the system's count as 1. */
export function pageUnit(fd: number): number {
  const { type, bsize } = statfsSync(`/proc/self/fd/${fd}`);
  return type === HUGETLBFS ? bsize : 1;
}

/**
 * Gives an empty file its size and every page of it, so that a touch can never find none.
 *
 * @param folder - Where the file will be, for the message; `undefined` for one without a name.
 * @throws {IpcError} ERR_IPC_LIMIT with the room there is, the room it takes and what makes more.
 */
export function reserve(fd: number, bytes: number, label: string, folder?: string): void {
  const { type, bavail, bfree, blocks, bsize } = statfsSync(`/proc/self/fd/${fd}`);
  const limit = (remedy: string, cause?: unknown): IpcError =>
    new IpcError('ERR_IPC_LIMIT', `${label} needs ${remedy}`, { syscall: 'posix_fallocate', cause });
  // The kernel would first fill what memory there is, and kill processes for more.
  if (blocks === 0 && type !== HUGETLBFS && bytes > totalmem()) {
    throw limit(`${bytes} bytes; the machine has ${totalmem()} in all, of which ${freemem()} are free`);
  }
  const size = type === HUGETLBFS ? Math.ceil(bytes / bsize) * bsize : bytes;
  try {
    native.allocate(fd, size);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOSPC' && code !== 'ENOMEM' && code !== 'EFBIG') throw fromErrno(error, 'reserve', label);
    if (type === HUGETLBFS) throw limit(hugePageRemedy(size, bsize), error);
    if (folder === undefined)
      throw limit(`${bytes} bytes; the machine has ${freemem()} of ${totalmem()} free: free some`, error);
    const enlarge =
      folder === '/dev/shm'
        ? ', or enlarge it with `mount -o remount,size=<bytes> /dev/shm` (in Docker, `--shm-size`)'
        : ', or enlarge its file system: `df -h` shows it';
    const free = process.geteuid?.() === 0 ? bfree : bavail;
    throw limit(
      `${bytes} bytes; ${folder} has ${free * bsize} of ${blocks * bsize} left: free some${enlarge}`,
      error,
    );
  }
}

/** Maps a region's whole file. Throws as `lockPages`; errors of mmap(2) as they are. */
export function mapPages(
  fd: number,
  bytes: number,
  readOnly: boolean,
  { populate, lock = false }: RegionMemoryOptions,
  label: string,
): ArrayBuffer | SharedArrayBuffer {
  const unit = pageUnit(fd);
  const buffer = native.map(fd, Math.ceil(bytes / unit) * unit, { readOnly, populate });
  if (lock) {
    try {
      lockPages(buffer, label);
    } catch (error) {
      native.unmap(buffer);
      throw error;
    }
  }
  return buffer;
}

/** @throws {IpcError} ERR_IPC_LIMIT over RLIMIT_MEMLOCK, with its value, what is used of it and what it takes. */
export function lockPages(buffer: ArrayBuffer | SharedArrayBuffer, label: string): void {
  try {
    native.lock(buffer);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['ENOMEM', 'EPERM', 'EAGAIN'].includes(code)) throw fromErrno(error, 'mlock', label);
    const [, limit = '?'] =
      /^Max locked memory +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    const locked = 1024 * kibibytes('/proc/self/status', 'VmLck');
    const needed = Math.ceil((locked + buffer.byteLength) / 1024);
    throw new IpcError(
      'ERR_IPC_LIMIT',
      `mlock ${label}: it has ${buffer.byteLength} bytes; RLIMIT_MEMLOCK is ${limit}, of which ${locked} are used: ` +
        `raise it with \`ulimit -l ${needed}\` (systemd: LimitMEMLOCK=${needed}K)`,
      { syscall: 'mlock', cause: error },
    );
  }
}

/** An unnamed file of huge pages, of the system's default size. @throws {IpcError} ERR_IPC_UNSUPPORTED where the kernel has none. */
export function createHugeMemory(name: string, label: string): number {
  try {
    return native.memfdCreate(name, native.MFD_HUGETLB);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EINVAL', 'ENOSYS', 'ENODEV', 'ENOENT'].includes(code)) throw error;
    throw new IpcError(
      'ERR_IPC_UNSUPPORTED',
      `${label}: this kernel has no huge pages for memfd_create (CONFIG_HUGETLBFS)`,
      { syscall: 'memfd_create', cause: error },
    );
  }
}

function hugePageRemedy(bytes: number, pageBytes: number): string {
  const [total, free, reserved] = ['HugePages_Total', 'HugePages_Free', 'HugePages_Rsvd'].map((field) =>
    kibibytes('/proc/meminfo', field),
  ) as [number, number, number];
  const needed = bytes / pageBytes;
  const missing = needed - (free - reserved);
  return (
    `${needed} huge pages of ${pageBytes} bytes; vm.nr_hugepages is ${total}, of which ${free - reserved} are free: ` +
    `raise it with \`sysctl vm.nr_hugepages=${total + missing}\``
  );
}

/** A number of a /proc file with lines like `VmLck:  16 kB`. */
function kibibytes(file: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
}
