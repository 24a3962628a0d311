/**
 * What the kernel allows POSIX queues, read when asked (never built in), and which limit a refusal was about.
 *
 * The kernel answers four limits with three errnos, one of which (EMFILE) reads as if it were about file
 * descriptors. See mq_overview(7) and RLIMIT_MSGQUEUE in getrlimit(2).
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fromErrno, type IpcError } from '@ipc/core';
import { limitError, sysctlLimit } from './limit-error.ts';

export interface PosixQueueLimits {
  /** `fs.mqueue.msg_max`: messages of one queue. */
  readonly maxMessages: number;
  /** `fs.mqueue.msgsize_max`: bytes of one message. */
  readonly maxMessageBytes: number;
  /** `fs.mqueue.queues_max`: queues of the system (of this IPC namespace). */
  readonly maxQueues: number;
  /** What a queue gets when nothing is asked for. */
  readonly defaultMessages: number;
  /** What a queue gets when nothing is asked for. */
  readonly defaultMessageBytes: number;
  /** RLIMIT_MSGQUEUE: bytes of all queues of this user, reserved when they are created. Infinity when unlimited. */
  readonly maxUserBytes: number;
}

/**
 * The limits as they are now.
 *
 * @throws {IpcError} ERR_IPC_UNSUPPORTED or ERR_IPC_NOT_FOUND when this kernel has no POSIX queues.
 * Cost: six small files of /proc.
 */
export function posixQueueLimits(): PosixQueueLimits {
  return {
    maxMessages: readMqueueLimit('msg_max'),
    maxMessageBytes: readMqueueLimit('msgsize_max'),
    maxQueues: readMqueueLimit('queues_max'),
    defaultMessages: readMqueueLimit('msg_default'),
    defaultMessageBytes: readMqueueLimit('msgsize_default'),
    maxUserBytes: readUserLimit(),
  };
}

/** Bytes the kernel charges to the user for a queue: payloads, and a header and a tree node for each message. */
export function chargedBytes(maxMessages: number, messageBytes: number): number {
  const headerBytes = 48; // struct msg_msg
  const nodeBytes = 48; // struct posix_msg_tree_node
  return maxMessages * (headerBytes + messageBytes) + Math.min(maxMessages, 32_768) * nodeBytes;
}

/** What `mq_open` meant, for a queue of this size. */
export function explainOpenFailure(
  error: unknown,
  what: string,
  name: string,
  maxMessages: number,
  messageBytes: number,
): IpcError {
  const { code, errno, syscall } = error as NodeJS.ErrnoException;
  const context = { name, errno, syscall, cause: error };
  const label = `${what} "${name}"`;
  const limits = posixQueueLimits();
  if (code === 'EINVAL' && maxMessages > limits.maxMessages) {
    return limitError(label, sysctlLimit('fs.mqueue.msg_max', limits.maxMessages, maxMessages), context);
  }
  if (code === 'EINVAL' && messageBytes > limits.maxMessageBytes) {
    return limitError(
      label,
      sysctlLimit('fs.mqueue.msgsize_max', limits.maxMessageBytes, messageBytes),
      context,
    );
  }
  if (code === 'ENOSPC') {
    return limitError(
      label,
      sysctlLimit('fs.mqueue.queues_max', limits.maxQueues, limits.maxQueues + 1),
      context,
    );
  }
  if (code === 'EMFILE' && hasFreeDescriptor()) {
    const neededBytes = chargedBytes(maxMessages, messageBytes);
    const needed = limits.maxUserBytes + neededBytes; // others of this user hold what is not free; the kernel does not say how much
    const limit = {
      limit: 'RLIMIT_MSGQUEUE (bytes of all queues of this user)',
      value: limits.maxUserBytes,
      needed,
      command: `ulimit -q ${needed}`,
    };
    return limitError(`${label}, which takes ${neededBytes} bytes`, limit, context);
  }
  return fromErrno(error, what, name);
}

function readMqueueLimit(file: string): number {
  try {
    return Number(readFileSync(`/proc/sys/fs/mqueue/${file}`, 'utf8'));
  } catch (error) {
    throw fromErrno(error, 'read limit', `fs.mqueue.${file}`);
  }
}

function readUserLimit(): number {
  const soft = /^Max msgqueue size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return soft === undefined || soft === 'unlimited' ? Infinity : Number(soft);
}

/** EMFILE of `mq_open` is about RLIMIT_MSGQUEUE unless opening anything at all fails. */
function hasFreeDescriptor(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return true;
  } catch {
    return false;
  }
}
