import {
  IpcError,
  peerGoneError,
  transferError,
  type End,
  type FrameReceipts,
  type ReceiveEvents,
  type ReceivePort,
} from '@ipc/core';
import * as native from '@ipc/native';
import { attachReceived, closeAll, cutOffError, takeDescriptors } from './descriptors.ts';
import { PacketInbox } from './packet-inbox.ts';
import type { PacketSocket } from './packet-socket.ts';
import {
  KIND_ASK,
  KIND_END,
  KIND_GOODBYE,
  KIND_MESSAGE,
  KIND_RECEIPT,
  PACKET_HEADER_BYTES,
  type PacketLimits,
} from './packet.ts';

/**
 * Messages off packets. What waits in the kernel comes with one system call; where messages may bring descriptors, each
 * with a call of its own. Reads ahead, so that an end is noticed while nobody receives.
 */
export class PacketReader implements ReceivePort {
  end: End | undefined;
  ended = false;
  readonly #socket: PacketSocket;
  readonly #limits: PacketLimits;
  readonly #onRelease: () => void;
  readonly #receipts: FrameReceipts;
  readonly #inbox: PacketInbox;
  /** A message that may have brought descriptors. */
  #ahead: Uint8Array | undefined;
  #single: Uint8Array | undefined;
  /** The kernel had nothing more, and nothing has been reported since. */
  #dry = false;
  #reset = false;
  #events!: ReceiveEvents;
  #released = false;

  constructor(socket: PacketSocket, limits: PacketLimits, onRelease: () => void, receipts: FrameReceipts) {
    this.#socket = socket;
    this.#limits = limits;
    this.#onRelease = onRelease;
    this.#receipts = receipts;
    this.#inbox = new PacketInbox(socket.fd, PACKET_HEADER_BYTES, limits.maxMessageBytes);
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#socket.readable = true;
  }

  pull(patient = false): Uint8Array | undefined {
    if (!this.#next(patient)) return undefined;
    const message = this.#takeAhead() ?? this.#inbox.takeOwn();
    this.#goOn();
    return message;
  }

  has(): boolean {
    return this.#next(true);
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    for (; count < limit && this.#next(false); count++) handler(this.#takeAhead() ?? this.#inbox.take());
    if (count > 0) this.#goOn();
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
    while (this.#ahead === undefined) {
      if (this.end !== undefined) return false;
      try {
        if (this.#inbox.length > 0) {
          const { nextLength, nextKind } = this.#inbox;
          if (this.#isMessage(nextKind, nextLength, nextLength === -1)) return true;
          this.#inbox.skip();
        } else if (patient && this.#dry) {
          return false;
        } else if (this.#limits.maxDescriptors > 0) {
          if (!this.#receiveOne()) return this.#runDry();
        } else {
          if (this.#inbox.fill() === -1) return this.#runDry();
          this.#dry = this.#inbox.isDry;
        }
      } catch (error) {
        // Said once, ahead of the packets that still wait here: the peer has died with some of ours unread.
        if (!this.#reset && (error as NodeJS.ErrnoException).code === 'ECONNRESET') {
          this.#reset = true;
          continue;
        }
        this.#endWith({ error: transferError(error, 'receive') });
      }
    }
    return true;
  }

  /** One packet, into `#ahead` when it is a message. False when there is none. */
  #receiveOne(): boolean {
    const { maxMessageBytes, maxDescriptors } = this.#limits;
    const target = (this.#single ??= new Uint8Array(PACKET_HEADER_BYTES + maxMessageBytes + 1)); // what fits was not cut
    const { bytes, fds, truncated } = native.receiveMessage(
      this.#socket.fd,
      target,
      0,
      target.length,
      maxDescriptors,
    );
    if (bytes === -1) return false;
    let mine = fds;
    try {
      if (truncated && bytes < target.length) throw cutOffError(fds.length, maxDescriptors);
      if (this.#isMessage(target[0] ?? -1, bytes, truncated)) {
        const message = target.slice(PACKET_HEADER_BYTES, bytes);
        this.#ahead = fds.length === 0 ? message : attachReceived(message, fds);
        mine = [];
      }
    } finally {
      closeAll(mine);
    }
    return true;
  }

  /** A message was taken: what was asked behind it is answered, though nobody asks for the next. */
  #goOn(): void {
    if (this.#inbox.length > 0 && this.#next(true)) return;
    if (this.end === undefined && !this.#released) this.#socket.readable = true;
  }

  #runDry(): false {
    this.#dry = true;
    if (!this.#released) this.#socket.readable = true;
    return false;
  }

  /** Whether a packet is a message; takes what it is otherwise. @throws {IpcError} It is nothing. */
  #isMessage(kind: number, bytes: number, truncated: boolean): boolean {
    if (bytes === 0) throw peerGoneError();
    if (kind === KIND_MESSAGE && !truncated && !this.ended) return true;
    if (bytes === PACKET_HEADER_BYTES && !truncated && !(kind === KIND_END && this.ended)) {
      if (kind === KIND_GOODBYE) this.#endWith({});
      else if (kind === KIND_ASK) this.#receipts.asked();
      else if (kind === KIND_RECEIPT) this.#receipts.received();
      else if (kind === KIND_END) this.ended = true;
      if (kind >= KIND_GOODBYE && kind <= KIND_END) return false;
    }
    const { maxMessageBytes, maxDescriptors } = this.#limits;
    const limits = `maxMessageBytes is ${maxMessageBytes}, maxDescriptors ${maxDescriptors}`;
    throw new IpcError(
      'ERR_IPC_CORRUPT',
      `a packet of kind ${kind} is malformed, over a limit or behind the end; ${limits}`,
    );
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
