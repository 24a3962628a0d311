/**
 * What killed processes have left in the runtime directory.
 *
 * Every mechanism that puts a name there holds `NAME.lock` as long as it lives, and the kernel lets go of it when it dies.
 * So whoever can take the lock knows that what it guards belongs to nobody:
 *
 *   ipc-NAME.SUFFIX.lock       the claim
 *   ipc-NAME.SUFFIX            the object: a socket, a FIFO, a file
 *   ipc-NAME.SUFFIX~, .new     the object under its temporary name
 *   ipc-NAME.there.SUFFIX      FIFOs come in pairs: there and back
 */
import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fromErrno, runtimeDirectory } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from './let-go.ts';

const lockPattern = /^ipc-(.+)\.([^.]+)\.lock$/;

/** A sweep nobody asked for takes at most this part of the time. */
const share = 0.01;
let nextSweepMs = 0;

/**
 * Removes the names, sockets, FIFOs and lock files in the runtime directory whose processes are dead, of every mechanism.
 *
 * Nothing of a live process is touched, and one that starts meanwhile with a name that is being swept gets it. A socket
 * that outlives the process that bound it, because another has inherited it, stays. Every `listen` of this package
 * does the same now and then, so calling this is needed only where nobody listens any more.
 *
 * @returns The paths that were removed, locks included. What may not be removed (another user's) is left out.
 * @throws {IpcError} ERR_IPC_PERMISSION when the directory cannot be read; ERR_IPC_UNSUPPORTED without `@ipc/native`.
 * Cost: about three system calls for each live name, ten for each dead one.
 */
export function sweepRuntimeDirectory(): string[] {
  const missing = native.unavailable();
  if (missing !== undefined) throw fromErrno(missing, 'sweep');
  const removed: string[] = [];
  try {
    const directory = runtimeDirectory();
    for (const entry of readdirSync(directory)) {
      const [, name, suffix] = lockPattern.exec(entry) ?? [];
      if (name !== undefined && suffix !== undefined)
        removed.push(...sweepName(join(directory, `ipc-${name}`), suffix));
    }
  } catch (error) {
    throw fromErrno(error, 'sweep');
  }
  return removed;
}

/** Sweeps, unless that was done so shortly ago that it would cost more than {@link share} of the time. Never throws. */
export function sweepNowAndThen(): void {
  const startMs = performance.now();
  if (startMs < nextSweepMs) return;
  try {
    sweepRuntimeDirectory();
  } catch {
    // whoever wants to know why calls it
  }
  const endMs = performance.now();
  nextSweepMs = endMs + (endMs - startMs) / share;
}

/** Whether nobody has this socket open. One that was bound and does not listen yet looks dead too. */
export function isDeadSocket(path: string): boolean {
  const probe = native.socket('stream');
  try {
    native.connect(probe, path);
    return false;
  } catch (error) {
    // Anything else: of another type, or not ours to connect to, in any case alive.
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ECONNREFUSED' || code === 'ENOENT';
  } finally {
    letGo(probe);
  }
}

/** @param prefix - The path up to the suffix: `/run/user/1000/ipc-orders`. */
function sweepName(prefix: string, suffix: string): string[] {
  const removed: string[] = [];
  const path = `${prefix}.${suffix}`;
  try {
    const claim = native.claimAbandonedPath(`${path}.lock`);
    if (claim === undefined) return removed;
    let keepFile = true;
    try {
      const pair = [`${prefix}.there.${suffix}`, `${prefix}.back.${suffix}`].filter(hasNoLock);
      for (const object of [path, ...pair])
        for (const ending of ['', '~', '.new'])
          if (removeDead(object + ending)) removed.push(object + ending);
      keepFile = existsSync(path); // a socket that lives on elsewhere: its lock tells a later sweep
      if (!keepFile) removed.push(claim.path);
    } finally {
      claim.release({ keepFile });
    }
  } catch {
    // another user's, or gone meanwhile
  }
  return removed;
}

/** A name that ends in `.there` or `.back` is somebody's own. */
function hasNoLock(path: string): boolean {
  return !existsSync(`${path}.lock`);
}

function removeDead(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isDirectory() || (found.isSocket() && !isDeadSocket(path))) return false;
  rmSync(path);
  return true;
}
