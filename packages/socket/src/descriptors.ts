/**
 * Descriptors that travel with a message: files, sockets, memfds, ends of pipes.
 *
 * They are attached to the message's bytes, and the channel stays what it is. A descriptor moves: once the message is
 * sent, the sender's copy is closed; the receiver owns what it takes.
 */
import { fromErrno, IpcError, type Attachments } from '@ipc/core';
import { letGo } from './let-go.ts';

/** The kernel's limit for one message (SCM_MAX_FD). */
export const MAX_DESCRIPTORS = 253;

const none: readonly number[] = [];
/** Whether this process sends any at all: those that never do need not ask of each message. */
let inUse = false;
const attached = new WeakMap<Uint8Array, readonly number[]>();

/** Closes what nobody took, when its message is collected: a net under the rule that the receiver takes them. */
const unclaimed = new FinalizationRegistry<readonly number[]>(closeAll);

/**
 * Attaches descriptors to a message, to be sent once by a channel that carries them (`unix`, `seqpacket`).
 *
 * Until the message is accepted they are the caller's; then they are closed here. A send that fails leaves them open.
 *
 * @returns `message` itself.
 * @throws {RangeError} More than 253, or something that is no descriptor.
 */
export function withDescriptors(message: Uint8Array, descriptors: readonly number[]): Uint8Array {
  if (descriptors.length > MAX_DESCRIPTORS) {
    throw new RangeError(
      `a message carries at most ${MAX_DESCRIPTORS} descriptors, got ${descriptors.length}`,
    );
  }
  for (const fd of descriptors) {
    if (!Number.isInteger(fd) || fd < 0)
      throw new RangeError(`a descriptor must be a non-negative integer, got ${fd}`);
  }
  attached.set(message, [...descriptors]);
  inUse = true;
  return message;
}

/**
 * Takes the descriptors that came with a message. They are close-on-exec, and the caller's to close.
 *
 * @returns Those descriptors the first time, none afterwards.
 */
export function takeDescriptors(message: Uint8Array): readonly number[] {
  const descriptors = attached.get(message);
  if (descriptors === undefined) return [];
  attached.delete(message);
  unclaimed.unregister(message);
  return descriptors;
}

/** What is to be sent with a message. */
export function attachedTo(message: Uint8Array): readonly number[] {
  return inUse ? (attached.get(message) ?? none) : none;
}

/** The message was sent: its descriptors are the receiver's. */
export function releaseSent(message: Uint8Array): void {
  closeAll(takeDescriptors(message));
}

/** @throws {RangeError} Not an integer in 0..253. */
export function checkMaxDescriptors(maxDescriptors = 0): number {
  if (Number.isInteger(maxDescriptors) && maxDescriptors >= 0 && maxDescriptors <= MAX_DESCRIPTORS)
    return maxDescriptors;
  throw new RangeError(`maxDescriptors must be an integer in 0..${MAX_DESCRIPTORS}, got ${maxDescriptors}`);
}

/** Attaches what came in. */
export function attachReceived(message: Uint8Array, descriptors: readonly number[]): Uint8Array {
  attached.set(message, descriptors);
  unclaimed.register(message, descriptors, message);
  return message;
}

/** What is attached to one message goes with another instead, which stands for it; and is closed when nobody sends or takes that. */
export function moveDescriptors(from: Uint8Array, to: Uint8Array): Uint8Array {
  const descriptors = takeDescriptors(from);
  return descriptors.length === 0 ? to : attachReceived(to, descriptors);
}

/** Why descriptors were cut off (MSG_CTRUNC) behind the first `came`: more were sent than are accepted, or this process can have no more. */
export function cutOffError(came: number, maxDescriptors: number): IpcError {
  if (came < maxDescriptors) return fromErrno({ code: 'EMFILE' }, 'receive descriptors');
  const message = `more descriptors came with one message than maxDescriptors, which is ${maxDescriptors}`;
  return new IpcError('ERR_IPC_CORRUPT', message);
}

export function closeAll(descriptors: readonly number[]): void {
  descriptors.forEach(letGo);
}

/** For streams that carry bytes alone: a message with descriptors is refused, and stays the caller's. */
export const noDescriptors: Attachments = {
  countOf: (message) => attachedTo(message).length,
  send() {
    throw new IpcError(
      'ERR_IPC_UNSUPPORTED',
      'descriptors travel over unix sockets alone: `unix`, `seqpacket`',
    );
  },
  claim(count) {
    throw new IpcError('ERR_IPC_CORRUPT', `${count} descriptors were announced where none can come`);
  },
  attachTo: () => undefined,
  drop: () => undefined,
};
