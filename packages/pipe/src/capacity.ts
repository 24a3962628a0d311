import { readFileSync } from 'node:fs';
import { fromErrno, IpcError } from '@ipc/core';
import { pipe, setPipeCapacity } from '@ipc/native';
import { close } from './let-go.ts';

export interface CapacityOptions {
  /**
   * Bytes the kernel holds per direction before a sender waits; rounded up to a power of two of pages.
   *
   * @default 256 KiB, or what the kernel still grants this user
   */
  readonly capacityBytes?: number | undefined;
}

/** Large enough that neither end waits for the other's every turn, small enough for the cache; see README, "Capacity". */
const DEFAULT_CAPACITY_BYTES = 256 << 10;

/** Creates a pipe of that capacity. @returns `[readFd, writeFd]`, non-blocking. @throws {IpcError} ERR_IPC_LIMIT. */
export function createPipe(
  { capacityBytes }: CapacityOptions,
  packet = false,
): [readFd: number, writeFd: number] {
  let ends: [number, number];
  try {
    ends = pipe({ packet });
  } catch (error) {
    throw fromErrno(error, 'create a pipe');
  }
  try {
    applyCapacity(ends[1], capacityBytes);
  } catch (error) {
    ends.forEach(close);
    throw error;
  }
  return ends;
}

/**
 * Gives a pipe its capacity. The default is a wish: a user over the soft limit keeps what the kernel gave.
 *
 * @throws {RangeError} Not a positive integer below 2^31. @throws {IpcError} ERR_IPC_LIMIT when the wish was the caller's own.
 */
export function applyCapacity(fd: number, capacityBytes: number | undefined): void {
  if (
    capacityBytes !== undefined &&
    (!Number.isInteger(capacityBytes) || capacityBytes < 1 || capacityBytes > 0x7fff_ffff)
  ) {
    throw new RangeError(`capacityBytes must be an integer in 1..2147483647, got ${capacityBytes}`);
  }
  try {
    setPipeCapacity(fd, capacityBytes ?? DEFAULT_CAPACITY_BYTES);
  } catch (error) {
    if (capacityBytes !== undefined) throw capacityError(error, capacityBytes);
  }
}

function capacityError(cause: unknown, wanted: number): IpcError {
  const { code, errno, syscall } = cause as NodeJS.ErrnoException;
  if (code === 'EBUSY') {
    return new IpcError(
      'ERR_IPC_LIMIT',
      `more than ${wanted} bytes are waiting in the pipe; read them first`,
      { errno, syscall, cause },
    );
  }
  if (code !== 'EPERM') return fromErrno(cause, 'set the capacity of a pipe');
  const message =
    `a capacity of ${wanted} bytes is over this system's limit: fs.pipe-max-size is ${readLimit('pipe-max-size')} bytes, and ` +
    `fs.pipe-user-pages-soft is ${readLimit('pipe-user-pages-soft')} pages for all pipes of a user; ` +
    `raise it with \`sysctl fs.pipe-max-size=${wanted}\``;
  return new IpcError('ERR_IPC_LIMIT', message, { errno, syscall, cause });
}

function readLimit(name: string): string {
  try {
    return readFileSync(`/proc/sys/fs/${name}`, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
