import { createHash } from 'node:crypto';
import { checkName, IpcError } from '@ipc/core';
import { IPC_CREAT, IPC_EXCL, msgGet } from '@ipc/native';
import { PortQueue } from './port-queue.ts';
import { explainGetFailure, sysvQueueLimits, type SysvQueueLimits } from './sysv-limits.ts';
import { removeQueue, SysvPort } from './sysv-port.ts';

/** How a handle sends and receives. Left out, types are priorities. */
export interface SysvQueueOptions {
  /** The type of everything this handle sends, 1..2^53-1. @default by priority: 32,768 for 0, 1 for 32,767 */
  readonly type?: number | undefined;
  /** What this handle receives: 0 the oldest; above 0 that type only; below 0 the lowest type up to `-select`. @default lowest first */
  readonly select?: number | undefined;
}

export interface SysvQueueCreateOptions extends SysvQueueOptions {
  /** Permission bits. @default 0o600 */
  readonly mode?: number | undefined;
}

/**
 * A System V message queue, sysvipc(7): for talking with PHP, Python and legacy C; {@link PosixQueue} is the better one.
 *
 * Named by a key, or by a name, which is hashed to one. The contract's priorities are types, the highest priority being
 * the lowest type, received lowest first; `type` and `select` give the types themselves. Such a queue lives until it
 * is unlinked, which ends it for everybody. The kernel tells nobody that a full queue has room: who waits to
 * send looks again for 0.1 ms, then after naps of 0.1 ms, which block the thread, then every 1 to 8 ms.
 */
export class SysvQueue extends PortQueue {
  /** @throws {TypeError} The name. @throws {RangeError} A key or option. @throws {IpcError} ERR_IPC_EXISTS, ERR_IPC_LIMIT, ERR_IPC_PERMISSION. */
  static create(key: number | string, options: SysvQueueCreateOptions = {}): SysvQueue {
    return getQueue('create queue', key, IPC_CREAT | IPC_EXCL, options);
  }

  /** @throws {TypeError} The name. @throws {RangeError} A key or option. @throws {IpcError} ERR_IPC_NOT_FOUND, ERR_IPC_PERMISSION. */
  static open(key: number | string, options: SysvQueueOptions = {}): SysvQueue {
    return getQueue('open queue', key, 0, { ...options, mode: 0 });
  }

  /** Opens the queue, or creates it when there is none. Errors as of both. */
  static openOrCreate(key: number | string, options: SysvQueueCreateOptions = {}): SysvQueue {
    return getQueue('open queue', key, IPC_CREAT, options);
  }

  /** Removes a queue, for everybody; returns false when there is none. @throws {IpcError} ERR_IPC_PERMISSION. */
  static unlink(key: number | string): boolean {
    try {
      return removeQueue(msgGet(SysvQueue.keyOf(key), 0));
    } catch (error) {
      const failure = explainGetFailure(error, 'unlink queue', String(key));
      if (failure.code === 'ERR_IPC_NOT_FOUND') return false;
      throw failure;
    }
  }

  /** The key of a name: the first 31 bits of SHA-256 of `ipc-NAME.msg`, big-endian. For `msgget` in other languages. */
  static keyOf(key: number | string): number {
    if (typeof key === 'string')
      return (
        createHash('sha256')
          .update(`ipc-${checkName(key)}.msg`)
          .digest()
          .readUInt32BE(0) >>> 1 || 1
      );
    if (!Number.isInteger(key) || key === 0 || Math.abs(key) > 0x7fffffff) {
      throw new RangeError(`key must be a 32-bit integer other than 0 (IPC_PRIVATE), got ${key}`);
    }
    return key;
  }

  /** What the kernel allows, read now. */
  static limits(): SysvQueueLimits {
    return sysvQueueLimits();
  }
}

function getQueue(
  what: string,
  key: number | string,
  flags: number,
  { mode = 0o600, type, select }: SysvQueueCreateOptions,
): SysvQueue {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777)
    throw new RangeError(`mode must be permission bits 0..0o777, got ${mode}`);
  if (type !== undefined && (!Number.isSafeInteger(type) || type < 1))
    throw new RangeError(`type must be an integer >= 1, got ${type}`);
  if (select !== undefined && !Number.isSafeInteger(select))
    throw new RangeError(`select must be an integer, got ${select}`);
  const name = String(key);
  let id: number;
  try {
    id = msgGet(SysvQueue.keyOf(key), flags | mode);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || error instanceof IpcError) throw error;
    throw explainGetFailure(error, what, name);
  }
  return new SysvQueue(new SysvPort(id, type, select), name);
}
