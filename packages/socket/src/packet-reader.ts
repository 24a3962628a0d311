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
import { PacketInbox } from './packet-inbox.ts';
import type { PacketSocket } from './packet-socket.ts';
import { KIND_GOODBYE, KIND_MESSAGE, PACKET_HEADER_BYTES, type PacketLimits } from './packet.ts';

/**
 * Messages off packets. What waits in the kernel comes with one system call; where messages may bring descriptors, each
 * with a call of its own. Reads ahead, so that an end is noticed while nobody receives.
 */
export class PacketReader implements ReceivePort {
  end: End | undefined;
  readonly #socket: PacketSocket;
  readonly #limits: PacketLimits;
  readonly #onRelease: () => void;
  readonly #inbox: PacketInbox;
  /** A message that may have brought descriptors. */
  #ahead: Uint8Array | undefined;
  #single: Uint8Array | undefined;
  /** The kernel had nothing more, and nothing has been reported since. */
  #dry = false;
  #events!: ReceiveEvents;
  #released = false;

  constructor(socket: PacketSocket, limits: PacketLimits, onRelease: () => void) {
    this.#socket = socket;
    this.#limits = limits;
    this.#onRelease = onRelease;
    this.#inbox = new PacketInbox(socket.fd, PACKET_HEADER_BYTES + limits.maxMessageBytes);
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#socket.readable = true;
  }

  pull(patient = false): Uint8Array | undefined {
    if (!this.#next(patient)) return undefined;
    const ahead = this.#takeAhead();
    return ahead ?? this.#inbox.take(PACKET_HEADER_BYTES).slice();
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    for (; count < limit && this.#next(false); count++)
      handler(this.#takeAhead() ?? this.#inbox.take(PACKET_HEADER_BYTES));
    return count;
  }

  awaitMessage(on: boolean): void {
    if (on && this.end === undefined && !this.#released) this.#socket.readable = true;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#drop();
    if (this.end === undefined) this.#socket.readable = true; // to drop what a peer still sends while we flush
    this.#onRelease();
  }

  onReadable(): void {
    if (this.#ahead !== undefined || this.#inbox.length > 0) {
      this.#socket.readable = false;
      return;
    }
    this.#dry = false;
    this.#next(false);
    if (this.#released) {
      this.#drop();
      if (this.end !== undefined) this.#socket.readable = false;
    } else {
      this.#events.ready();
    }
  }

  /** Has the next message in `#ahead` or at the front of the inbox. False when none has come, or at the end, which is then set. */
  #next(patient: boolean): boolean {
    if (this.#ahead !== undefined) return true;
    if (this.end !== undefined) return false;
    try {
      if (this.#inbox.length === 0) {
        if (patient && this.#dry) return false;
        if (this.#limits.maxDescriptors > 0) return this.#receiveOne();
        if (this.#inbox.fill() === -1) return this.#runDry();
        this.#dry = this.#inbox.isDry;
      }
      const { nextLength, nextKind } = this.#inbox;
      return this.#accepts(nextKind, nextLength, nextLength === -1);
    } catch (error) {
      const failure = fromErrno(error, 'receive');
      this.#endWith({
        error: failure.code === 'ERR_IPC_PEER_GONE' ? peerGoneError('the peer is gone', error) : failure,
      });
      return false;
    }
  }

  #receiveOne(): boolean {
    const { maxMessageBytes, maxDescriptors } = this.#limits;
    const target = (this.#single ??= new Uint8Array(PACKET_HEADER_BYTES + maxMessageBytes));
    const { bytes, fds, truncated } = native.receiveMessage(
      this.#socket.fd,
      target,
      0,
      target.length,
      maxDescriptors,
    );
    if (bytes === -1) return this.#runDry();
    try {
      if (!this.#accepts(target[0] ?? -1, bytes, truncated)) {
        closeAll(fds);
        return false;
      }
    } catch (error) {
      closeAll(fds);
      throw error;
    }
    const message = target.slice(PACKET_HEADER_BYTES, bytes);
    this.#ahead = fds.length === 0 ? message : attachReceived(message, fds);
    return true;
  }

  #runDry(): false {
    this.#dry = true;
    if (!this.#released) this.#socket.readable = true;
    return false;
  }

  /** Whether a packet is a message. False, and the end is set, when it is a goodbye. @throws {IpcError} It is neither. */
  #accepts(kind: number, bytes: number, truncated: boolean): boolean {
    if (bytes === 0) throw peerGoneError();
    if (kind === KIND_MESSAGE && !truncated) return true;
    if (kind === KIND_GOODBYE && bytes === PACKET_HEADER_BYTES && !truncated) {
      this.#endWith({});
      return false;
    }
    const { maxMessageBytes, maxDescriptors } = this.#limits;
    const limits = `maxMessageBytes is ${maxMessageBytes}, maxDescriptors ${maxDescriptors}`;
    throw new IpcError('ERR_IPC_CORRUPT', `a packet of kind ${kind} is malformed or over a limit; ${limits}`);
  }

  #takeAhead(): Uint8Array | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    return ahead;
  }

  #drop(): void {
    const ahead = this.#takeAhead();
    if (ahead !== undefined) closeAll(takeDescriptors(ahead));
    this.#single = undefined;
    this.#inbox.clear();
  }

  #endWith(end: End): void {
    this.end = end;
    this.#socket.readable = false;
  }
}
