/** System V message queues. They have an id, not an fd: nothing can poll them, hence `messageWaiter`. */
import { native, unavailable } from './binding.ts';

/** `msgGet`: create the queue if there is none. */
export const IPC_CREAT = 0o1000;
/** `msgGet`: fail if there is one. */
export const IPC_EXCL = 0o2000;

/** What is in a queue, and how much it holds. */
export interface MessageStatus {
  readonly messages: number;
  readonly bytes: number;
  readonly maxBytes: number;
}

/** Waits for messages on a thread of its own. */
export interface MessageWaiter {
  /**
   * Makes the eventfd readable, once, as soon as there is a message of this type (see `msgReceive`), or the queue is
   * gone. The message stays in the queue, unless it is an empty one: see `taken`.
   *
   * @throws EBADF after `close`.
   */
  wait(type: number): void;
  /** The type of an empty message that waiting took out of the queue, once; 0 for none. */
  taken(): number;
  /** Ends the thread. Call it before the eventfd is closed. Closing twice is harmless. */
  close(): void;
}

/**
 * Finds or creates a queue.
 *
 * @param key - 0 (IPC_PRIVATE) is always a new queue. @param flags - IPC_CREAT, IPC_EXCL, permission bits.
 * @returns The queue's id.
 * @throws ENOENT, EEXIST, EACCES, ENOSPC (over kernel.msgmni). Source: msgget(2).
 */
export const msgGet: (key: number, flags: number) => number = native('msgGet');

/**
 * Sends `source[offset, offset + length)` as one message.
 *
 * @param type - 1..2^53-1. @returns false when the queue is full.
 * @throws EINVAL (over kernel.msgmax, or no such queue), EIDRM, EACCES. Cost: one system call, two copies. Source: msgop(2).
 */
export const msgSend: (
  id: number,
  source: Uint8Array,
  offset: number,
  length: number,
  type: number,
) => boolean = native('msgSend');

/**
 * Takes a message out.
 *
 * @param wanted - 0: the oldest; above 0: the oldest of that type; below 0: the oldest of the lowest type up to -wanted.
 * @param type - Its element 0 is set to the message's type.
 * @returns Bytes, 0 for an empty message; -1 when there is none.
 * @throws E2BIG when it is longer than `length` (it stays); EINVAL, EIDRM, EACCES. Source: msgop(2).
 */
export const msgReceive: (
  id: number,
  target: Uint8Array,
  offset: number,
  length: number,
  wanted: number,
  type: Float64Array,
) => number = native('msgReceive');

/** A queue's end with memory of its own. For one thread; its functions need no `this`. */
export interface MessageBox {
  /** The type, an int64, and behind it the bytes: of the message to be sent, of the one that was received. */
  readonly memory: ArrayBuffer;
  /** Sends what is in `memory`, that many bytes of it; false when the queue is full. @throws As `msgSend`. */
  readonly send: (length: number) => boolean;
  /** Takes a message out, into `memory`; returns its bytes, -1 when there is none. @throws As `msgReceive`. */
  readonly receive: () => number;
}

/**
 * Binds a queue to memory, for one who sends or receives often: `msgSend` and `msgReceive` are told at each call where the bytes are,
 * and copy them once more, which together takes a quarter of the call.
 *
 * @param bytes - What a message may have at most. @param wanted - As of `msgReceive`.
 * @throws ENOMEM; ERR_IPC_UNSUPPORTED in a runtime without external buffers. Cost of its functions: one system call.
 */
export const messageBox: (id: number, bytes: number, wanted: number) => MessageBox = native('messageBox');

/** What is in the queue. @throws EINVAL, EIDRM, EACCES. Source: msgctl(2). */
export const msgStatus: (id: number) => MessageStatus = native('msgStatus');

/** Removes the queue at once, for everybody. @throws EINVAL, EIDRM, EPERM. Source: msgctl(2). */
export const msgRemove: (id: number) => void = native('msgRemove');

const Waiter = native('MessageWaiter') as unknown as new (id: number, eventFd: number) => MessageWaiter;

/**
 * Starts a thread that can wait for messages of a queue.
 *
 * @param eventFd - From `eventfd`; stays the caller's. @throws EAGAIN when no thread can be started.
 */
export function messageWaiter(id: number, eventFd: number): MessageWaiter {
  const reason = unavailable();
  if (reason !== undefined) throw reason;
  return new Waiter(id, eventFd);
}
