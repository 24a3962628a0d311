/**
 * One grammar for names, so that every mechanism accepts the same ones and one
 * tool can list and remove what any of them left behind.
 */
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IpcError } from './errors.ts';

const pattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Checks a name and returns it.
 *
 * @throws {TypeError} Not 1–64 of `A-Z a-z 0-9 . _ -` starting with a letter or digit.
 */
export function checkName(name: string): string {
  if (typeof name !== 'string' || !pattern.test(name)) {
    throw new TypeError(
      `invalid name ${JSON.stringify(name)}: 1-64 of A-Z a-z 0-9 . _ -, starting with a letter or digit`,
    );
  }
  return name;
}

/**
 * Where sockets, FIFOs and lock files live: `$XDG_RUNTIME_DIR`, else `ipc-<uid>` in the temporary folder,
 * made with mode 0700 and refused when it is not this user's own directory.
 *
 * @throws {IpcError} ERR_IPC_PERMISSION when the fallback exists and belongs to somebody else or is open to others.
 */
export function runtimeDirectory(): string {
  const given = process.env.XDG_RUNTIME_DIR;
  if (given !== undefined && given !== '') return given;
  const uid = process.getuid?.();
  if (uid === undefined) return tmpdir();
  const directory = join(tmpdir(), `ipc-${uid}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid: owner, mode } = lstatSync(directory);
  if (owner !== uid || (mode & 0o170077) !== 0o040000) {
    throw new IpcError(
      'ERR_IPC_PERMISSION',
      `${directory} must be a directory of mode 0700 owned by uid ${uid}; remove it, or set XDG_RUNTIME_DIR`,
    );
  }
  return directory;
}

/** The file a name maps to, e.g. `$XDG_RUNTIME_DIR/ipc-orders.sock`. */
export function pathOf(name: string, suffix: string): string {
  return join(runtimeDirectory(), `ipc-${checkName(name)}.${suffix}`);
}

/** The name of a kernel object that has no directory, e.g. `/ipc-orders.shm` for `shm_open` and `mq_open`. */
export function objectNameOf(name: string, suffix: string): string {
  return `/ipc-${checkName(name)}.${suffix}`;
}
