/** POSIX message queues. A queue's descriptor is an fd: `watch` and `poll` it, `close` it. */
import { native } from './binding.ts';

/** The highest priority: 32767. */
export const MQ_PRIORITY_MAX = 32_767;

/** What a queue was made for, and what is in it. */
export interface QueueAttributes {
  readonly maxMessages: number;
  readonly messageBytes: number;
  readonly currentMessages: number;
}

/**
 * Opens or creates a queue, non-blocking and close-on-exec.
 *
 * @param name - A slash and then no other. @param flags - O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL.
 * @param maxMessages, messageBytes - Both or neither (the system's defaults); ignored when the queue exists, so read
 *   them back with `mqAttributes`.
 * @throws EINVAL (bad name, or over /proc/sys/fs/mqueue/msg_max, msgsize_max), EMFILE (over RLIMIT_MSGQUEUE, `ulimit -q`),
 *   ENOSPC (queues_max), ENOENT, EEXIST, EACCES (permission, or a second slash), ENAMETOOLONG.
 * Source: mq_open(3), mq_overview(7).
 */
export const mqOpen: (
  name: string,
  flags: number,
  mode: number,
  maxMessages?: number,
  messageBytes?: number,
) => number = native('mqOpen');

/**
 * Sends `source[offset, offset + length)` as one message.
 *
 * @param priority - 0..MQ_PRIORITY_MAX; the highest is received first, equals in order.
 * @returns false when the queue is full.
 * @throws {TypeError} `source` is not a Uint8Array. @throws {RangeError} The range, or `priority`.
 * @throws EMSGSIZE over the queue's `messageBytes`; EBADF when not open for writing.
 * Cost: one system call. Source: mq_send(3).
 */
export const mqSend: (
  fd: number,
  source: Uint8Array,
  offset: number,
  length: number,
  priority: number,
) => boolean = native('mqSend');

/**
 * Takes the oldest message of the highest priority.
 *
 * @param length - At least the queue's `messageBytes`, whatever the message's size.
 * @returns Bytes, plus 2 ** 32 times the priority: 0 for an empty message of priority 0; -1 when the queue is empty. An element
 *   of a Uint32Array takes the bytes from it, and the priority from its 2 ** 32nd part, as it drops what does not fit.
 * @throws {TypeError} `target` is not a Uint8Array. @throws {RangeError} The range.
 * @throws EMSGSIZE when `length` is too small; EBADF when not open for reading.
 * Cost: one system call. Source: mq_receive(3).
 */
export const mqReceive: (fd: number, target: Uint8Array, offset: number, length: number) => number =
  native('mqReceive');

/**
 * Sends messages that lie one behind the other from `source[offset]` on, each beginning at the next multiple of 8 bytes
 * behind the one before (counted from the start of the array), until the queue is full.
 *
 * @param lengths - Of each message; the first `count` are sent.
 * @returns How many were sent. What stops a later one is told by the next call.
 * @throws As `mqSend`, when it concerns the first message. @throws {RangeError} The first message reaches over the end.
 * Cost: one system call for each message, and one for finding the queue full.
 */
export const mqSendMany: (
  fd: number,
  source: Uint8Array,
  lengths: Uint32Array,
  offset: number,
  count: number,
  priority: number,
) => number = native('mqSendMany');

/**
 * Takes messages, and puts them one behind the other from `target[offset]` on, each at the next multiple of 8 bytes
 * behind the one before, until the queue is empty, `lengths` or `priorities` is full, or less than `messageBytes` are left.
 *
 * @param messageBytes - At least the queue's own, whatever the messages' size.
 * @returns How many. What stops a later one is told by the next call.
 * @throws As `mqReceive`, when it concerns the first message.
 * Cost: one system call for each message, and one for finding the queue empty.
 */
export const mqReceiveMany: (
  fd: number,
  target: Uint8Array,
  offset: number,
  messageBytes: number,
  lengths: Uint32Array,
  priorities: Uint32Array,
) => number = native('mqReceiveMany');

/** The queue's limits, and how many messages are in it. @throws EBADF. Source: mq_getattr(3). */
export const mqAttributes: (fd: number) => QueueAttributes = native('mqAttributes');

/** Removes the name; who has the queue open keeps it. @throws ENOENT, EACCES. Source: mq_unlink(3). */
export const mqUnlink: (name: string) => void = native('mqUnlink');
