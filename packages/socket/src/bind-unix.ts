/**
 * Giving a socket its name, so that nobody ever sees it half made, and nobody loses a live one.
 *
 *   1. claim PATH.lock      two starters cannot take the name from each other; the kernel frees the claim of the dead
 *   2. probe PATH           a foreign server that knows nothing of our lock is not displaced
 *   3. bind PATH~           private name, final mode and owner
 *   4. listen
 *   5. rename PATH~ PATH    what a dead process left there goes in the same instant
 *
 * A process that dies between two steps leaves at most PATH~ and PATH.lock, which the next `bindUnix` takes over.
 */
import { chmodSync, chownSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { fromErrno, IpcError, quietly } from '@ipc/core';
import * as native from '@ipc/native';
import { isDeadSocket, sweepNowAndThen } from './sweep.ts';
import { checkPathLength, type UnixAddress } from './unix-address.ts';

export interface BindOptions {
  /** Permission bits of the socket file, whatever the umask; connecting needs write permission. @default 0o600 */
  readonly mode?: number | undefined;
  /** Owner of the socket file; needs the privilege to give files away. @default this process's */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Connections the kernel keeps for `accept` (cut to net.core.somaxconn). `undefined`: the socket does not listen. */
  readonly backlog?: number | undefined;
}

/**
 * Binds `fd` to `address`, and listens when there is a backlog.
 *
 * @returns What takes the name away again, and never throws; call it before closing `fd`.
 * @throws {IpcError} ERR_IPC_EXISTS when a live process has the name or the path is no socket; ERR_IPC_PERMISSION,
 *   ERR_IPC_NOT_FOUND (no such directory), ERR_IPC_LIMIT (the path is too long). Nothing is left behind.
 */
export function bindUnix(fd: number, address: UnixAddress, options: BindOptions = {}): () => void {
  try {
    return address.path === undefined
      ? bindAbstract(fd, address, options)
      : bindPath(fd, address, address.path, options);
  } catch (error) {
    throw fromErrno(error, 'listen', address.name);
  }
}

function bindAbstract(fd: number, address: UnixAddress, { backlog }: BindOptions): () => void {
  native.bind(fd, address.native);
  if (backlog !== undefined) native.listen(fd, backlog);
  return () => undefined; // the name goes with the socket
}

function bindPath(
  fd: number,
  address: UnixAddress,
  path: string,
  { mode = 0o600, uid, gid, backlog }: BindOptions,
): () => void {
  const temporary = `${path}~`;
  checkPathLength(temporary, address.name);
  sweepNowAndThen();
  const claim = native.claimPath(`${path}.lock`);
  if (claim === undefined) throw existsError(address, 'a live process listens on it');
  try {
    checkFree(address, path);
    rmSync(temporary, { force: true });
    native.bind(fd, temporary);
    try {
      if (uid !== undefined || gid !== undefined)
        chownSync(temporary, uid ?? process.getuid?.() ?? 0, gid ?? process.getgid?.() ?? 0);
      chmodSync(temporary, mode);
      if (backlog !== undefined) native.listen(fd, backlog);
      renameSync(temporary, path);
      return removerOf(path, claim);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    claim.release();
    throw error;
  }
}

/** What takes away the file that is at `path` now, if it is still that one, and releases the claim. Never throws. */
function removerOf(path: string, claim: native.PathClaim): () => void {
  const { dev, ino } = lstatSync(path, { bigint: true });
  return () => {
    quietly(() => {
      const now = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (now?.ino === ino && now.dev === dev) rmSync(path, { force: true });
    });
    quietly(() => {
      claim.release();
    });
  };
}

/** Whether the path is free, or a socket whose process is dead. */
function checkFree(address: UnixAddress, path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw existsError(address, 'the path is no socket');
  if (!isDeadSocket(path)) throw existsError(address, 'a live process listens on it');
}

function existsError({ name, path }: UnixAddress, why: string): IpcError {
  return new IpcError('ERR_IPC_EXISTS', `listen "${name}": ${why} (${path ?? `@${name}`})`, { name });
}
