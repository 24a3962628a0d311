import { readFileSync } from 'node:fs';
import { fromErrno, type IpcError } from '@ipc/core';
import { explainLimit, limitError, sysctlLimit } from './limit-error.ts';

export interface SysvQueueLimits {
  /** `kernel.msgmax`: bytes of one message. */
  readonly maxMessageBytes: number;
  /** `kernel.msgmnb`: bytes a new queue holds, and messages too, empty ones. */
  readonly maxQueueBytes: number;
  /** `kernel.msgmni`: queues of the system (of this IPC namespace). */
  readonly maxQueues: number;
}

/** The limits as they are now. @throws {IpcError} This kernel has no System V queues. */
export function sysvQueueLimits(): SysvQueueLimits {
  return {
    maxMessageBytes: readLimit('msgmax'),
    maxQueueBytes: readLimit('msgmnb'),
    maxQueues: readLimit('msgmni'),
  };
}

/** What `msgget` meant. */
export function explainGetFailure(error: unknown, what: string, name: string): IpcError {
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC') return fromErrno(error, what, name);
  const { maxQueues } = sysvQueueLimits();
  const limit = sysctlLimit('kernel.msgmni', maxQueues, maxQueues + 1);
  return limitError(`${what} "${name}"`, limit, { name, errno, syscall, cause: error });
}

/** What stands in the way of messages of so many bytes, and the commands that raise it. @param queueBytes - What the queue holds. */
export function raiseMessageBytes(bytes: number, queueBytes: number): string {
  const { maxMessageBytes, maxQueueBytes } = sysvQueueLimits();
  const message = sysctlLimit('kernel.msgmax', maxMessageBytes, bytes);
  const queue = sysctlLimit('kernel.msgmnb', maxQueueBytes, bytes);
  const remedies = [message, queue].filter(({ value, needed }) => value < needed).map(explainLimit);
  if (queueBytes < bytes)
    remedies.push(
      `the queue holds ${queueBytes} bytes: unlink it, and it will be made as kernel.msgmnb says then`,
    );
  return remedies.join('; ');
}

function readLimit(file: string): number {
  try {
    return Number(readFileSync(`/proc/sys/kernel/${file}`, 'utf8'));
  } catch (error) {
    throw fromErrno(error, 'read limit', `kernel.${file}`);
  }
}
