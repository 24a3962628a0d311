import { fromErrno } from '@ipc/core';
import * as native from '@ipc/native';
import { AcceptLoop } from './accept-loop.ts';
import { bindUnix, type BindOptions } from './bind-unix.ts';
import { letGo } from './let-go.ts';
import { unixAddress, type UnixNamespace } from './unix-address.ts';

export interface ServeUnixOptions extends BindOptions {
  /** @default 'runtime' */
  readonly namespace?: UnixNamespace | undefined;
  /** Of the file in the runtime directory. @default 'sock' */
  readonly suffix?: string | undefined;
  /** @default 'stream' */
  readonly type?: 'stream' | 'seqpacket' | undefined;
  /** A connected, non-blocking, close-on-exec descriptor, owned by the callee, to be closed with `letGo` (or with the thread). */
  onConnection(fd: number): void;
  /** Accepting broke for good (not: no descriptors left, which only pauses it). @default an uncaught exception */
  onFailure?(error: Error): void;
}

/** A listening socket. */
export interface UnixServer {
  /** Leaves those who connect in the backlog, or takes them again. */
  hold(on: boolean): void;
  /** Takes the name away and stops listening. Idempotent. */
  close(): Promise<void>;
}

/**
 * Listens on a name and hands over the descriptor of each connection: the rendezvous of everything that needs one.
 *
 * @throws {TypeError} A malformed name.
 * @throws {IpcError} ERR_IPC_EXISTS when a live process has the name; ERR_IPC_PERMISSION; ERR_IPC_LIMIT for a path over
 *   107 bytes or no descriptors left; ERR_IPC_UNSUPPORTED without `@ipc/native`.
 * Cost: about ten system calls, none of which waits.
 */
export async function serveUnix(name: string, options: ServeUnixOptions): Promise<UnixServer> {
  const { namespace, suffix, type = 'stream', backlog = 128 } = options;
  const address = unixAddress(name, namespace, suffix);
  const fd = openSocket(type, name);
  let unbind: (() => void) | undefined;
  try {
    unbind = bindUnix(fd, address, { ...options, backlog });
    const release = unbind;
    const loop = new AcceptLoop(
      fd,
      (connection) => {
        options.onConnection(connection);
      },
      (error) => {
        if (options.onFailure === undefined) throw error;
        options.onFailure(error);
      },
    );
    let closed = false;
    return await Promise.resolve({
      hold: (on) => {
        loop.hold(on);
      },
      close: async () => {
        if (closed) return;
        closed = true;
        release();
        loop.close();
        return Promise.resolve();
      },
    } satisfies UnixServer);
  } catch (error) {
    unbind?.();
    letGo(fd);
    throw error;
  }
}

/** A unix socket, closed by `letGo` or with the thread. @throws {IpcError} ERR_IPC_LIMIT, ERR_IPC_UNSUPPORTED. */
export function openSocket(type: native.SocketType, name: string): number {
  try {
    const fd = native.socket(type);
    native.closeAtThreadExit(fd);
    return fd;
  } catch (error) {
    throw fromErrno(error, 'open socket', name);
  }
}
