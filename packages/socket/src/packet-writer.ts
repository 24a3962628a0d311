import { fromErrno, peerGoneError, type SendEvents, type SendPort } from '@ipc/core';
import * as native from '@ipc/native';
import { attachedTo, releaseSent } from './descriptors.ts';
import { PacketOutbox } from './packet-outbox.ts';
import type { PacketSocket } from './packet-socket.ts';

/** From this size a message goes to the kernel from the caller's memory. */
const directBytes = 8 << 10;
const nothing = new Uint8Array(0);

export interface PacketWriterOptions {
  readonly maxMessageBytes: number;
  /** In front of every message. @default nothing */
  readonly head?: Uint8Array;
  /** The packet that says that this is the clean end. @default there is none */
  readonly goodbye?: Uint8Array;
  /** Whether a failed send means that nobody receives any more. */
  isGone(code: string): boolean;
  onRelease(): void;
}

/**
 * Messages as packets. What is sent in one turn of the event loop leaves with one system call; a message with descriptors,
 * and a large one, with a call of its own.
 */
export class PacketWriter implements SendPort {
  readonly maxMessageBytes: number;
  readonly #socket: PacketSocket;
  readonly #options: PacketWriterOptions;
  readonly #head: Uint8Array;
  readonly #outbox: PacketOutbox;
  #events!: SendEvents;
  #roomAwaited = false;
  #tickScheduled = false;
  #blocked = false;
  #released = false;

  constructor(socket: PacketSocket, options: PacketWriterOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#head = options.head ?? nothing;
    this.#outbox = new PacketOutbox(socket.fd);
    this.maxMessageBytes = options.maxMessageBytes;
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes;
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#released) return false;
    const descriptors = attachedTo(message);
    if (descriptors.length > 0 || message.length >= directBytes) {
      return this.#pushDirect(message, descriptors);
    }
    if (this.#outbox.push(this.#head, message)) return true;
    return !this.#blocked && this.#flush() && this.#outbox.push(this.#head, message);
  }

  publish(): void {
    if (this.#tickScheduled || this.#blocked || this.#outbox.isEmpty) return;
    this.#tickScheduled = true;
    process.nextTick(this.#onTick);
  }

  awaitRoom(on: boolean): void {
    this.#roomAwaited = on;
  }

  finish(): void {
    const { goodbye } = this.#options;
    if (goodbye !== undefined) this.#outbox.push(goodbye, nothing); // it fits: everything before it is out
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#outbox.clear();
    this.#socket.writable = false;
    this.#options.onRelease();
  }

  onWritable(): void {
    if (this.#released) return;
    this.#blocked = false;
    if (this.#flush()) this.#socket.writable = false;
    this.#events.room();
  }

  readonly #onTick = (): void => {
    this.#tickScheduled = false;
    if (this.#flush() && this.#roomAwaited) this.#events.room();
  };

  /** True when everything is out. */
  #flush(): boolean {
    if (this.#released || this.#blocked) return false;
    try {
      if (this.#outbox.flush()) return true;
      this.#block();
    } catch (error) {
      this.#fail(error);
    }
    return false;
  }

  #pushDirect(message: Uint8Array, descriptors: readonly number[]): boolean {
    if (!this.#outbox.isEmpty && !this.#flush()) return false;
    try {
      if (this.#send(message, descriptors) === -1) {
        this.#block();
        return false;
      }
    } catch (error) {
      // A bad descriptor, or too many in flight: the channel is fine.
      if (descriptors.length > 0 && !this.#isGone(error)) throw fromErrno(error, 'send');
      this.#fail(error);
      return false;
    }
    if (descriptors.length > 0) releaseSent(message);
    return true;
  }

  /** One packet, now. -1 when there is no room. */
  #send(message: Uint8Array, descriptors: readonly number[]): number {
    if (descriptors.length === 0) return native.writev(this.#socket.fd, [this.#head, message]);
    const packet = new Uint8Array(this.#head.length + message.length);
    packet.set(this.#head);
    packet.set(message, this.#head.length);
    return native.sendMessage(this.#socket.fd, packet, 0, packet.length, descriptors);
  }

  #isGone(error: unknown): boolean {
    return this.#options.isGone(fromErrno(error, 'send').code);
  }

  #fail(error: unknown): void {
    this.#events.fail(
      this.#isGone(error) ? peerGoneError('the peer is gone', error) : fromErrno(error, 'send'),
    );
  }

  #block(): void {
    if (this.#released) return;
    this.#blocked = true;
    this.#socket.writable = true;
  }
}
