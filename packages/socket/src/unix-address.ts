/**
 * Where a name lives among unix sockets.
 *
 * A path has to fit `sun_path`, 108 bytes with its NUL. It is measured in bytes and refused when too long;
 * Node 20 cuts it silently, and then listens on another name.
 */
import { join } from 'node:path';
import { checkName, IpcError, pathOf } from '@ipc/core';

/**
 * - `runtime`: `ipc-NAME.sock` in the runtime directory of this user.
 * - `abstract`: the name itself in Linux's abstract namespace: no file and no permissions, so `authorize` peers.
 * - `{ directory }`: the file NAME in a directory of the caller's, e.g. `{ directory: '/run' }` and `docker.sock`.
 */
export type UnixNamespace = 'runtime' | 'abstract' | { readonly directory: string };

/** An address as the kernel takes it. */
export interface UnixAddress {
  readonly name: string;
  /** The file, `undefined` for an abstract name. */
  readonly path: string | undefined;
  /** What `bind` and `connect` take. */
  readonly native: string | Uint8Array;
}

/** `sizeof(sun_path)` less the NUL. */
const maxPathBytes = 107;

/**
 * @param suffix - Of the file in the runtime directory.
 * @throws {TypeError} A malformed name.
 * @throws {IpcError} ERR_IPC_LIMIT for a path over 107 bytes.
 */
export function unixAddress(
  name: string,
  namespace: UnixNamespace = 'runtime',
  suffix = 'sock',
): UnixAddress {
  checkName(name);
  if (namespace === 'abstract')
    return { name, path: undefined, native: new TextEncoder().encode(`\0${name}`) };
  const path = namespace === 'runtime' ? pathOf(name, suffix) : join(namespace.directory, name);
  checkPathLength(path, name);
  return { name, path, native: path };
}

/** @throws {IpcError} ERR_IPC_LIMIT for a path over 107 bytes. */
export function checkPathLength(path: string, name: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= maxPathBytes) return;
  const message = `"${path}" is ${bytes} bytes long; the path of a unix socket (sun_path) has ${maxPathBytes} at most: use a shorter name or a shorter XDG_RUNTIME_DIR`;
  throw new IpcError('ERR_IPC_LIMIT', message, { name });
}
