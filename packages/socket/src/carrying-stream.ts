import { fromErrno, IpcError, type Attachments } from '@ipc/core';
import * as native from '@ipc/native';
import { attachedTo, attachReceived, closeAll, releaseSent } from './descriptors.ts';

/** The record that announces a group has not come whole when the next group comes, at most. */
const mostGroups = 2;

/**
 * A unix stream socket whose bytes may bring descriptors, and take some along.
 *
 * The kernel hands out the descriptors of one `sendmsg` with its first byte, and never those of two with one read. So they
 * come in groups, in the order of the frames that announce them.
 * Source: unix_stream_read_generic in Linux' net/unix/af_unix.c.
 */
export class CarryingStream extends native.DescriptorStream implements Attachments {
  readonly #fd: number;
  readonly #maxDescriptors: number;
  /** Those that came and have not been announced. */
  readonly #groups: (readonly number[])[] = [];
  /** Those of the next message. */
  #claimed: readonly number[] = [];
  #dropping = false;

  /** @param maxDescriptors - With one message; for 0 the kernel closes what comes. @throws As `DescriptorStream`. */
  constructor(fd: number, maxDescriptors: number) {
    super(fd, fd);
    this.#fd = fd;
    this.#maxDescriptors = maxDescriptors;
  }

  override read(target: Uint8Array, offset: number, length: number): number {
    if (this.#maxDescriptors === 0) return super.read(target, offset, length);
    const received = native.receiveMessage(this.#fd, target, offset, length, this.#maxDescriptors);
    if (received.fds.length > 0 || received.truncated) this.#take(received);
    return received.bytes;
  }

  countOf(message: Uint8Array): number {
    return attachedTo(message).length;
  }

  send(message: Uint8Array, frames: Uint8Array): number {
    const written = native.sendMessage(this.#fd, frames, 0, frames.length, attachedTo(message));
    if (written !== -1) releaseSent(message);
    return written;
  }

  claim(count: number): void {
    const group = this.#groups.shift();
    if (group?.length === count) {
      this.#claimed = group;
      return;
    }
    closeAll(group ?? []);
    const message = `${count} descriptors were announced and ${group?.length ?? 0} have come; maxDescriptors is ${this.#maxDescriptors}`;
    throw new IpcError('ERR_IPC_CORRUPT', message);
  }

  attachTo(message: Uint8Array): void {
    attachReceived(message, this.#claimed);
    this.#claimed = [];
  }

  drop(): void {
    this.#dropping = true;
    closeAll(this.#claimed);
    this.#claimed = [];
    for (const group of this.#groups.splice(0)) closeAll(group);
  }

  /** @throws {IpcError} Some were cut off, or more come than are announced; none of these stays open then. */
  #take({ fds, truncated }: native.ReceivedMessage): void {
    if (!this.#dropping && !truncated && this.#groups.length < mostGroups) {
      this.#groups.push(fds);
      return;
    }
    closeAll(fds);
    if (this.#dropping) return;
    const most = this.#maxDescriptors;
    if (truncated && fds.length < most) throw fromErrno({ code: 'EMFILE' }, 'receive descriptors');
    const message = truncated
      ? `more descriptors came with one message than maxDescriptors, which is ${most}`
      : 'descriptors came that no message announces';
    throw new IpcError('ERR_IPC_CORRUPT', message);
  }
}
