import { IpcError, type Attachments } from '@ipc/core';
import * as native from '@ipc/native';
import type { DescriptorsInFlight } from './descriptors-in-flight.ts';
import { attachedTo, attachReceived, closeAll, cutOffError } from './descriptors.ts';

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
  readonly #inFlight: DescriptorsInFlight;
  #wantsReadable = false;
  #wantsWritable = false;
  /** Those that came and have not been announced. */
  readonly #groups: (readonly number[])[] = [];
  /** Those of the next message. */
  #claimed: readonly number[] = [];
  #dropping = false;

  /** @param maxDescriptors - With one message; for 0 the kernel closes what comes. @throws As `DescriptorStream`. */
  constructor(fd: number, maxDescriptors: number, inFlight: DescriptorsInFlight) {
    super(fd, fd);
    this.#fd = fd;
    this.#maxDescriptors = maxDescriptors;
    this.#inFlight = inFlight;
    inFlight.onRoom = () => {
      this.want(this.#wantsReadable, this.#wantsWritable);
    };
  }

  override read(target: Uint8Array, offset: number, length: number): number {
    if (this.#maxDescriptors === 0) return super.read(target, offset, length);
    const received = native.receiveMessage(this.#fd, target, offset, length, this.#maxDescriptors);
    if (received.fds.length > 0 || received.truncated) this.#take(received);
    return received.bytes;
  }

  override readPair(target: Uint8Array, offset: number, second: Uint8Array, secondLength: number): number {
    if (this.#maxDescriptors === 0) return super.readPair(target, offset, second, secondLength);
    return this.read(target, offset, target.length - offset);
  }

  countOf(message: Uint8Array): number {
    return attachedTo(message).length;
  }

  send(message: Uint8Array, frames: Uint8Array): number {
    return this.#inFlight.send(message, frames);
  }

  /** While too many descriptors are under way the stream is not writable, though the socket has room. */
  override want(readable: boolean, writable: boolean): void {
    this.#wantsReadable = readable;
    this.#wantsWritable = writable;
    super.want(readable, writable && !this.#inFlight.isFull);
  }

  override close(): void {
    this.#inFlight.close();
    super.close();
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
    if (truncated) throw cutOffError(fds.length, this.#maxDescriptors);
    throw new IpcError('ERR_IPC_CORRUPT', 'descriptors came that no message announces');
  }
}
