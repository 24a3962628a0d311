import { fromErrno, peerGoneError, type SendEvents, type SendPort } from '@ipc/core';
import * as native from '@ipc/native';
import { attachedTo, releaseSent } from './descriptors.ts';
import type { PacketSocket } from './packet-socket.ts';
import { KIND_GOODBYE, KIND_MESSAGE, PACKET_HEADER_BYTES } from './packet.ts';

/** Messages as packets, one system call each: what the kernel has taken is all there is in flight. */
export class PacketWriter implements SendPort {
  readonly maxMessageBytes: number;
  readonly #socket: PacketSocket;
  readonly #onRelease: () => void;
  /** Kind and payload side by side, as the kernel takes them; grows to the largest message sent. */
  #packet = new Uint8Array(256);
  #events!: SendEvents;
  #goodbyePending = false;
  #released = false;

  constructor(socket: PacketSocket, maxMessageBytes: number, onRelease: () => void) {
    this.#socket = socket;
    this.maxMessageBytes = maxMessageBytes;
    this.#onRelease = onRelease;
  }

  get pendingBytes(): number {
    return this.#goodbyePending ? PACKET_HEADER_BYTES : 0;
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#released) return false;
    const packetBytes = PACKET_HEADER_BYTES + message.length;
    if (packetBytes > this.#packet.length) {
      this.#packet = new Uint8Array(Math.min(2 * packetBytes, PACKET_HEADER_BYTES + this.maxMessageBytes));
    }
    this.#packet[0] = KIND_MESSAGE;
    this.#packet.set(message, PACKET_HEADER_BYTES);
    const descriptors = attachedTo(message);
    if (!this.#send(packetBytes, descriptors)) return false;
    if (descriptors.length > 0) releaseSent(message);
    return true;
  }

  publish(): void {
    // every push has been a system call
  }

  awaitRoom(on: boolean): void {
    if (!this.#released) this.#socket.writable = on;
  }

  finish(): void {
    this.#packet[0] = KIND_GOODBYE;
    this.#goodbyePending = !this.#send(PACKET_HEADER_BYTES, []);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#socket.writable = false;
    this.#onRelease();
  }

  onWritable(): void {
    if (this.#released) return;
    if (this.#goodbyePending) this.finish();
    this.#events.room();
  }

  #send(packetBytes: number, descriptors: readonly number[]): boolean {
    try {
      return native.sendMessage(this.#socket.fd, this.#packet, 0, packetBytes, descriptors) !== -1;
    } catch (error) {
      const failure = fromErrno(error, 'send');
      if (failure.code === 'ERR_IPC_PEER_GONE') this.#events.fail(peerGoneError('the peer is gone', error));
      else if (descriptors.length > 0)
        throw failure; // a bad descriptor, or too many in flight: the channel is fine
      else this.#events.fail(failure);
      return false;
    }
  }
}
