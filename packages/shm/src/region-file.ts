/**
 * A region as a file: made whole before it has a name, found by name, kept alive by a lock.
 *
 * Everyone who has a region open holds a shared OFD lock on its byte 0, which the kernel drops when the process dies.
 * So "nobody has it open" is a fact that the kernel proves: an exclusive lock on that byte succeeds. Who removes a
 * name holds that exclusive lock; who opens one takes the shared lock first and then looks whether the name is still there.
 */
import {
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  readSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { fromErrno, IpcError, isIpcError, objectNameOf } from '@ipc/core';
import * as native from '@ipc/native';
import { checkKind, readRegionHeader, REGION_HEADER_BYTES, type RegionHeader } from './region-header.ts';

/** Where named regions live. */
export const regionDirectory = '/dev/shm';
/** Of open(2); Node does not name it. The value is that of every architecture with asm-generic/fcntl.h. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** How often to look again while somebody else decides whether to remove a name: each look is microseconds. */
const removalChecks = 1000;

/** Where a named region lives: `/dev/shm/ipc-orders.mutex`. */
export function regionPath(name: string, kind: string): string {
  return regionDirectory + objectNameOf(name, checkKind(kind));
}

/** @throws {IpcError} ERR_IPC_LIMIT with the room there is and the room it takes. */
export function reserve(fd: number, bytes: number, label: string): void {
  try {
    native.allocate(fd, bytes);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOSPC' && code !== 'ENOMEM' && code !== 'EFBIG') throw fromErrno(error, 'reserve', label);
    const { bavail, blocks, bsize } = statfsSync(regionDirectory);
    throw new IpcError(
      'ERR_IPC_LIMIT',
      `${label} needs ${bytes} bytes; ${regionDirectory} has ${bavail * bsize} of ${blocks * bsize} left: free some, or enlarge it ` +
        `with \`mount -o remount,size=<bytes> ${regionDirectory}\` (in Docker, \`--shm-size\`)`,
      { syscall: 'posix_fallocate', cause: error },
    );
  }
}

export interface FileAccess {
  /** Permission bits, exactly: the umask does not count. @default 0o600 */
  readonly mode?: number | undefined;
  /** Group id of the new file. @default the process's */
  readonly group?: number | undefined;
}

/** An unnamed file in /dev/shm of `bytes` reserved bytes. A process that dies now leaves nothing. */
export function createUnnamed(bytes: number, { mode = 0o600, group }: FileAccess, label: string): number {
  let fd: number;
  try {
    fd = native.open(regionDirectory, O_TMPFILE | constants.O_RDWR, 0o600);
  } catch (error) {
    throw fromErrno(error, 'create region', label);
  }
  try {
    reserve(fd, bytes, label);
    if (group !== undefined) fchownSync(fd, -1, group);
    fchmodSync(fd, mode);
    return fd;
  } catch (error) {
    native.close(fd);
    throw fromErrno(error, 'create region', label);
  }
}

/**
 * Opens a region's file and declares this process a user of it.
 *
 * @throws {IpcError} ERR_IPC_NOT_FOUND, also for a `while-open` region that killed users left: it is removed;
 *   ERR_IPC_PERMISSION; ERR_IPC_MISMATCH and ERR_IPC_CORRUPT as `readRegionHeader`.
 */
export function openNamed(
  path: string,
  label: string,
  readOnly: boolean,
): { fd: number; header: RegionHeader } {
  let fd: number;
  try {
    // NONBLOCK: a FIFO planted under the name must not hang us.
    const access = readOnly ? constants.O_RDONLY : constants.O_RDWR;
    fd = native.open(path, access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw fromErrno(error, 'open', label);
  }
  try {
    checkOwner(fd, label);
    const header = readHeader(fd, label);
    if (header.whileOpen && !readOnly) unlinkIfUnused(fd, path);
    for (let attempt = 0; !holdOpen(fd) && attempt < removalChecks; attempt++);
    if (
      fstatSync(fd).nlink === 0 ||
      (header.whileOpen && readOnly && !native.ofdHolder(fd, 'exclusive', 0, 1))
    ) {
      throw new IpcError('ERR_IPC_NOT_FOUND', `open ${label}: its last user is gone`);
    }
    return { fd, header };
  } catch (error) {
    native.close(fd);
    throw fromErrno(error, 'open', label);
  }
}

/** Everybody may create names in /dev/shm: what another user put there is not ours to trust. */
function checkOwner(fd: number, label: string): void {
  const { uid } = fstatSync(fd);
  const self = process.geteuid?.();
  if (uid !== 0 && uid !== self && self !== 0) {
    throw new IpcError(
      'ERR_IPC_PERMISSION',
      `open ${label}: it belongs to uid ${uid}, this process runs as ${self ?? '?'}`,
    );
  }
}

/** Declares this descriptor a user of the region, until it is closed or the process dies. False while somebody removes it. */
export function holdOpen(fd: number): boolean {
  return native.ofdLock(fd, 'shared', 0, 1);
}

/** Closes a descriptor and drops its locks: a mapping keeps the file open, and would keep the locks until it is collected. */
export function letGo(fd: number): void {
  try {
    native.ofdLock(fd, 'unlock', 0, 0);
  } finally {
    native.close(fd);
  }
}

/** Reads the header into a private copy and checks it. */
export function readHeader(fd: number, label: string): RegionHeader {
  const status = fstatSync(fd);
  if (!status.isFile()) throw new IpcError('ERR_IPC_MISMATCH', `${label} is not a region: it is not a file`);
  const head = new Uint8Array(REGION_HEADER_BYTES);
  const count = readSync(fd, head, 0, head.length, 0);
  return readRegionHeader(head.subarray(0, count), status.size, label);
}

/**
 * Gives a finished region its name; a `while-open` region that killed users left makes way.
 *
 * @throws {IpcError} ERR_IPC_EXISTS.
 */
export function publish(fd: number, path: string, label: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      native.linkDescriptor(fd, path);
      return;
    } catch (error) {
      const failure = fromErrno(error, 'create', label);
      if (failure.code !== 'ERR_IPC_EXISTS' || attempt >= removalChecks || !removeLeftover(path, label))
        throw failure;
    }
  }
}

/** True when there is nothing of that name any more. */
function removeLeftover(path: string, label: string): boolean {
  try {
    native.close(openNamed(path, label, false).fd);
    return false;
  } catch (error) {
    return isIpcError(error, 'ERR_IPC_NOT_FOUND');
  }
}

/** Removes the name if this process alone has the region open; proof of it is the lock. `fd` must be open for writing. */
export function unlinkIfUnused(fd: number, path: string): boolean {
  if (!native.ofdLock(fd, 'exclusive', 0, 1)) return false;
  const ours = fstatSync(fd);
  const there = statSync(path, { throwIfNoEntry: false });
  if (there?.ino !== ours.ino || there.dev !== ours.dev) return false;
  unlinkSync(path);
  return true;
}
