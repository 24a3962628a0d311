/**
 * FIFO files, made and opened without ever blocking a thread.
 *
 * The rules of fifo(7) with O_NONBLOCK: opening to read always succeeds, and reads "the end" until a writer comes and
 * whenever the last one has left; opening to write fails with ENXIO while nobody reads.
 */
import { chmodSync, constants, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fromErrno, IpcError } from '@ipc/core';
import { closeAtThreadExit, mkfifo, open } from '@ipc/native';
import { close, removeName } from './let-go.ts';

const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

/** For their owner alone. */
export const PRIVATE_MODE = 0o600;

/**
 * Creates a FIFO with exactly this mode, whatever the umask.
 *
 * @throws {IpcError} ERR_IPC_EXISTS; ERR_IPC_NOT_FOUND (no such folder); ERR_IPC_PERMISSION; ERR_IPC_LIMIT (name too long, disk full).
 * Source: mkfifo(3).
 */
export function createFifo(
  path: string,
  { mode = PRIVATE_MODE }: { readonly mode?: number | undefined } = {},
): void {
  checkMode(mode);
  try {
    mkfifo(path, PRIVATE_MODE & mode);
    try {
      chmodSync(path, mode);
    } catch (error) {
      removeName(path);
      throw error;
    }
  } catch (error) {
    throw fromErrno(error, 'create FIFO', path);
  }
}

/** A FIFO put at its path together with a reader, so that whoever finds it finds it read. Replaces what is there. */
export function placeFifo(path: string, mode: number): number {
  const temporary = `${path}.new`; // nobody else's: the caller holds the claim of the name
  remove(temporary); // of a holder that died
  createFifo(temporary, { mode });
  let fd = -1;
  try {
    fd = openToRead(temporary);
    renameSync(temporary, path);
    return fd;
  } catch (error) {
    close(fd);
    removeName(temporary);
    throw error;
  }
}

/** @returns A non-blocking descriptor, at once. @throws ENOENT and the like; ERR_IPC_MISMATCH when it is no FIFO. */
export function openToRead(path: string): number {
  return checkIsFifo(path, openOwned(path, O_RDONLY));
}

/** @returns A non-blocking descriptor. @throws ENXIO while nobody reads, ENOENT and the like; ERR_IPC_MISMATCH when it is no FIFO. */
export function openToWrite(path: string): number {
  // A regular file would be opened too, and nothing is to be appended to one: look first.
  if (!lstatSync(path).isFIFO()) throw notFifo(path);
  return openOwned(path, O_WRONLY);
}

/**
 * As {@link openToWrite}, waiting for one of `codes` to pass: ENXIO (nobody reads), ENOENT (nobody has made it).
 *
 * The kernel tells nobody of that, so this asks again: after 1 ms, at last every 50.
 */
export async function openToWriteWhenRead(
  path: string,
  codes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number> {
  for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, 50)) {
    signal?.throwIfAborted();
    try {
      return openToWrite(path);
    } catch (error) {
      if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
    await setTimeout(pauseMs, undefined, { signal });
  }
}

/** Removes a name, if it is there. */
function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

export function checkMode(mode: number): number {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777)
    throw new RangeError(`mode must be permission bits 0..0o777, got ${mode}`);
  return mode;
}

/** A reader of a terminated thread that stayed open would make a FIFO look read: it is closed with the thread. */
function openOwned(path: string, access: number): number {
  const fd = open(path, access | O_NONBLOCK | O_NOFOLLOW);
  closeAtThreadExit(fd);
  return fd;
}

function checkIsFifo(path: string, fd: number): number {
  if (lstatSync(path).isFIFO()) return fd;
  close(fd);
  throw notFifo(path);
}

function notFifo(path: string): IpcError {
  return new IpcError('ERR_IPC_MISMATCH', `${path} is there, but is no FIFO`, { name: path });
}
