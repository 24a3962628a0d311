import { setTimeout as delay } from 'node:timers/promises';
import { fromErrno, type WaitOptions } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from './let-go.ts';
import { openSocket } from './serve-unix.ts';
import { unixAddress, type UnixNamespace } from './unix-address.ts';

export interface DialUnixOptions extends WaitOptions {
  /** @default 'runtime' */
  readonly namespace?: UnixNamespace | undefined;
  /** Of the file in the runtime directory. @default 'sock' */
  readonly suffix?: string | undefined;
  /** @default 'stream' */
  readonly type?: 'stream' | 'seqpacket' | undefined;
}

/** First and longest pause between two attempts at a full backlog: the kernel has no event for "there is room". */
const [firstPauseMs, longestPauseMs] = [1, 32];

/**
 * Connects to a name.
 *
 * A full backlog (the listener is busy) is waited for, as long as `signal` allows.
 *
 * @returns A connected, non-blocking, close-on-exec descriptor, owned by the caller, to be closed with `letGo`; a thread that
 *   ends closes it.
 * @throws {TypeError} A malformed name. `signal.reason` on abort.
 * @throws {IpcError} ERR_IPC_NOT_FOUND when nobody listens; ERR_IPC_PERMISSION; ERR_IPC_LIMIT; ERR_IPC_UNSUPPORTED.
 * Cost: two system calls.
 */
export async function dialUnix(
  name: string,
  { namespace, suffix, type = 'stream', signal }: DialUnixOptions = {},
): Promise<number> {
  signal?.throwIfAborted();
  const address = unixAddress(name, namespace, suffix);
  const fd = openSocket(type, name);
  try {
    for (
      let pauseMs = firstPauseMs;
      !native.connect(fd, address.native);
      pauseMs = Math.min(2 * pauseMs, longestPauseMs)
    ) {
      await delay(pauseMs, undefined, { signal });
    }
    return fd;
  } catch (error) {
    letGo(fd);
    signal?.throwIfAborted();
    throw fromErrno(error, 'connect', name);
  }
}
