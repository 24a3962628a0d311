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
  fsyncSync,
  readSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { fromErrno, IpcError, isIpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from '@ipc/socket';
import { readLayoutText, readRegionHeader, REGION_HEADER_BYTES, type RegionHeader } from './region-header.ts';
import { pageUnit, reserve } from './region-memory.ts';
import type { RegionPlace } from './region-place.ts';

/** How often to look again while somebody else decides whether to remove a name: each look is microseconds. */
const removalChecks = 1000;

export interface FileAccess {
  /** Permission bits, exactly: the umask does not count. @default 0o600 */
  readonly mode?: number | undefined;
  /** Group id of the new file, one of the process's own unless it is root's. @default the process's */
  readonly group?: number | undefined;
}

/** Who made a file. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface FileTrust {
  /**
   * Whether to accept what this owner made: whoever has the right to create files there may put a region of any content
   * under a name. Asked before anything of it is read. @default this process's user and root; root accepts all
   */
  readonly authorize?: ((owner: FileOwner) => boolean) | undefined;
}

/** A file of `bytes` reserved bytes in the place's folder, without a name yet. A process that dies now leaves nothing. */
export function createUnnamed(
  place: RegionPlace,
  bytes: number,
  { mode = 0o600, group }: FileAccess,
): number {
  const { label, folder } = place;
  let fd: number;
  try {
    fd = native.open(folder, native.O_TMPFILE | constants.O_RDWR, 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTSUP' && code !== 'EISDIR') throw fromErrno(error, 'create', label);
    throw new IpcError(
      'ERR_IPC_UNSUPPORTED',
      `create ${label}: the file system of ${folder} has no unnamed files (O_TMPFILE); ext4, xfs, btrfs and tmpfs have`,
      { syscall: 'open', cause: error },
    );
  }
  try {
    reserve(fd, bytes, label, folder);
    if (group !== undefined) fchownSync(fd, -1, group);
    fchmodSync(fd, mode);
    return fd;
  } catch (error) {
    letGo(fd);
    throw fromErrno(error, 'create', label);
  }
}

/**
 * Opens a region's file and declares this process a user of it.
 *
 * @throws {IpcError} ERR_IPC_NOT_FOUND, also for a `while-open` region that killed users left: it is removed;
 *   ERR_IPC_PERMISSION; ERR_IPC_MISMATCH and ERR_IPC_CORRUPT as `readRegionHeader`.
 */
export function openNamed(
  { path, label }: RegionPlace,
  readOnly: boolean,
  trust: FileTrust = {},
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
    checkOwner(fd, label, trust);
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
    letGo(fd);
    throw fromErrno(error, 'open', label);
  }
}

function checkOwner(fd: number, label: string, { authorize }: FileTrust): void {
  const { uid, gid } = fstatSync(fd);
  const self = process.geteuid?.();
  if (authorize === undefined ? uid === 0 || uid === self || self === 0 : authorize({ uid, gid })) return;
  throw new IpcError(
    'ERR_IPC_PERMISSION',
    authorize === undefined
      ? `open ${label}: it belongs to uid ${uid}, this process runs as ${self ?? '?'}; \`authorize\` may accept others`
      : `open ${label}: \`authorize\` refused its owner, uid ${uid}`,
  );
}

/** Declares this descriptor a user of the region, until it is closed or the process dies. False while somebody removes it. */
export function holdOpen(fd: number): boolean {
  return native.ofdLock(fd, 'shared', 0, 1);
}

/**
 * Closes a descriptor and drops its locks: a mapping keeps the file open, and would keep the locks until it is collected. What the
 * kernel has against that nobody could mend.
 */
export function releaseFile(fd: number): void {
  try {
    native.ofdLock(fd, 'unlock', 0, 0);
  } catch {
    // see above
  }
  letGo(fd);
}

/** Reads the header, and the layout's text, into private copies and checks them. */
export function readHeader(fd: number, label: string): RegionHeader {
  const status = fstatSync(fd);
  if (!status.isFile()) throw new IpcError('ERR_IPC_MISMATCH', `${label} is not a region: it is not a file`);
  const read = (bytes: number, position: number): Uint8Array => {
    const target = new Uint8Array(bytes);
    return target.subarray(0, readSync(fd, target, 0, bytes, position));
  };
  const header = readRegionHeader(read(REGION_HEADER_BYTES, 0), status.size, pageUnit(fd), label);
  if (header.layoutBytes === 0) return header;
  const text = read(header.layoutBytes, REGION_HEADER_BYTES + header.bytes);
  return { ...header, layoutText: readLayoutText(text, header, label) };
}

/**
 * Gives a finished region its name; a `while-open` region that killed users left makes way. What has a file of its own is on
 * the disk before it has a name, and its name when this returns.
 *
 * @throws {IpcError} ERR_IPC_EXISTS.
 */
export function publish(fd: number, place: RegionPlace, trust: FileTrust): void {
  const lasting = place.name === undefined;
  if (lasting) fsyncSync(fd);
  for (let attempt = 0; ; attempt++) {
    try {
      native.linkDescriptor(fd, place.path);
      break;
    } catch (error) {
      const failure = fromErrno(error, 'create', place.label);
      if (failure.code !== 'ERR_IPC_EXISTS' || attempt >= removalChecks || !removeLeftover(place, trust))
        throw failure;
    }
  }
  if (lasting) syncFolder(place.folder);
}

function syncFolder(folder: string): void {
  const fd = native.open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    letGo(fd);
  }
}

/** True when there is nothing of that name any more. */
function removeLeftover(place: RegionPlace, trust: FileTrust): boolean {
  try {
    letGo(openNamed(place, false, trust).fd);
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
