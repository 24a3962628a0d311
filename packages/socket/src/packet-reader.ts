import {
  fromErrno,
  IpcError,
  peerGoneError,
  type End,
  type ReceiveEvents,
  type ReceivePort,
} from '@ipc/core';
import * as native from '@ipc/native';
import { attachReceived, closeAll, takeDescriptors } from './descriptors.ts';
import type { PacketSocket } from './packet-socket.ts';
import { KIND_GOODBYE, KIND_MESSAGE, PACKET_HEADER_BYTES } from './packet.ts';

/** Messages off packets, one system call each. Reads one message ahead, so that an end is noticed while nobody receives. */
export class PacketReader implements ReceivePort {
  end: End | undefined;
  readonly #socket: PacketSocket;
  readonly #maxMessageBytes: number;
  readonly #maxDescriptors: number;
  readonly #onRelease: () => void;
  #buffer: Uint8Array | undefined;
  #ahead: Uint8Array | undefined;
  #events!: ReceiveEvents;
  #released = false;

  constructor(socket: PacketSocket, maxMessageBytes: number, maxDescriptors: number, onRelease: () => void) {
    this.#socket = socket;
    this.#maxMessageBytes = maxMessageBytes;
    this.#maxDescriptors = maxDescriptors;
    this.#onRelease = onRelease;
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#socket.readable = true;
  }

  pull(): Uint8Array | undefined {
    const message = this.#ahead ?? this.#read();
    this.#ahead = undefined;
    return message;
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    for (; count < limit; count++) {
      const message = this.pull();
      if (message === undefined) break;
      handler(message);
    }
    return count;
  }

  awaitMessage(on: boolean): void {
    if (on && this.end === undefined && !this.#released) this.#socket.readable = true;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#ahead !== undefined) closeAll(takeDescriptors(this.#ahead));
    this.#ahead = this.#buffer = undefined;
    if (this.end === undefined) this.#socket.readable = true; // to drop what a peer still sends while we flush
    this.#onRelease();
  }

  onReadable(): void {
    if (this.#ahead !== undefined) {
      this.#socket.readable = false;
      return;
    }
    const message = this.#read();
    if (this.#released) {
      if (message !== undefined) closeAll(takeDescriptors(message));
      if (this.end !== undefined) this.#socket.readable = false;
      return;
    }
    this.#ahead = message;
    this.#events.ready();
  }

  /** The next message; `undefined` when none has come, or at the end, which is then set. */
  #read(): Uint8Array | undefined {
    if (this.end !== undefined) return undefined;
    try {
      return this.#receive();
    } catch (error) {
      const failure = fromErrno(error, 'receive');
      this.#endWith({
        error: failure.code === 'ERR_IPC_PEER_GONE' ? peerGoneError('the peer is gone', error) : failure,
      });
      return undefined;
    }
  }

  #receive(): Uint8Array | undefined {
    const { fd } = this.#socket;
    const buffer = (this.#buffer ??= new Uint8Array(PACKET_HEADER_BYTES + this.#maxMessageBytes));
    const { bytes, fds, truncated } = native.receiveMessage(
      fd,
      buffer,
      0,
      buffer.length,
      this.#maxDescriptors,
    );
    if (bytes === -1) {
      if (!this.#released) this.#socket.readable = true;
      return undefined;
    }
    if (bytes === 0) throw peerGoneError();
    const kind = buffer[0] ?? -1;
    if (kind === KIND_MESSAGE && !truncated) {
      const message = buffer.slice(PACKET_HEADER_BYTES, bytes);
      return fds.length === 0 ? message : attachReceived(message, fds);
    }
    closeAll(fds);
    if (kind === KIND_GOODBYE && bytes === PACKET_HEADER_BYTES && !truncated) {
      this.#endWith({});
      return undefined;
    }
    const limits = `maxMessageBytes is ${this.#maxMessageBytes}, maxDescriptors ${this.#maxDescriptors}`;
    throw new IpcError('ERR_IPC_CORRUPT', `a packet of kind ${kind} is malformed or over a limit; ${limits}`);
  }

  #endWith(end: End): void {
    this.end = end;
    this.#socket.readable = false;
  }
}
