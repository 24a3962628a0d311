import { fromErrno, Owed, peerGoneError, type SendEvents, type SendPort } from '@ipc/core';
import * as native from '@ipc/native';
import { attachedTo, noDescriptors } from './descriptors.ts';
import { PacketOutbox } from './packet-outbox.ts';
import type { PacketSocket } from './packet-socket.ts';
import { KIND_ASK, KIND_END, KIND_GOODBYE, KIND_MESSAGE, KIND_RECEIPT } from './packet.ts';

/** From this size a message goes to the kernel from the caller's memory. */
const directBytes = 8 << 10;
const nothing = new Uint8Array(0);
const head = Uint8Array.of(KIND_MESSAGE);
const goodbye = Uint8Array.of(KIND_GOODBYE);
const ask = Uint8Array.of(KIND_ASK);
const receipt = Uint8Array.of(KIND_RECEIPT);
const end = Uint8Array.of(KIND_END);

export interface PacketWriterOptions {
  readonly maxMessageBytes: number;
  /** Whether packets of the other kinds are understood: a goodbye, asks, receipts, an end. @default false */
  readonly hasKinds?: boolean;
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
  readonly ask: (() => void) | undefined;
  readonly end: (() => void) | undefined;
  readonly #socket: PacketSocket;
  readonly #options: PacketWriterOptions;
  readonly #head: Uint8Array;
  readonly #outbox: PacketOutbox;
  readonly #owed = new Owed(ask, receipt);
  #finished = false;
  #events!: SendEvents;
  #roomAwaited = false;
  #tickScheduled = false;
  #blocked = false;
  #released = false;

  constructor(socket: PacketSocket, options: PacketWriterOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#head = options.hasKinds === true ? head : nothing;
    if (options.hasKinds === true) {
      this.ask = () => {
        this.#owed.addAsk();
        this.#pushOwed();
        this.publish();
      };
      this.end = () => {
        this.#outbox.push(end, nothing); // it fits, as a goodbye does
      };
    }
    this.#outbox = new PacketOutbox(socket.fd);
    this.maxMessageBytes = options.maxMessageBytes;
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes + this.#owed.count;
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#released) return false;
    const hasDescriptors = attachedTo(message).length > 0;
    if (hasDescriptors || message.length >= directBytes) return this.#pushDirect(message, hasDescriptors);
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
    if (this.#options.hasKinds === true) this.#outbox.push(goodbye, nothing); // it fits: everything before it is out
    this.#finished = true;
  }

  /** Answers an ask of the peer. */
  pushReceipt(): void {
    if (this.#released || this.#finished) return;
    this.#owed.addReceipt();
    this.#pushOwed();
    this.publish();
  }

  /** The peer has answered. */
  onReceipt(): void {
    this.#events.received();
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
      while (this.#outbox.flush()) {
        if (this.#owed.count === 0) return true;
        this.#pushOwed();
      }
      this.#block();
    } catch (error) {
      this.#fail(error);
    }
    return false;
  }

  #pushOwed(): void {
    this.#owed.pay((control) => this.#outbox.push(control, nothing));
  }

  #pushDirect(message: Uint8Array, hasDescriptors: boolean): boolean {
    if (!this.#outbox.isEmpty && !this.#flush()) return false;
    try {
      if (this.#send(message, hasDescriptors) === -1) {
        this.#block();
        return false;
      }
    } catch (error) {
      // A bad descriptor, or too many in flight: the channel is fine.
      if (hasDescriptors && !this.#isGone(error)) throw fromErrno(error, 'send');
      this.#fail(error);
      return false;
    }
    return true;
  }

  /** One packet, now. -1 when there is no room. */
  #send(message: Uint8Array, hasDescriptors: boolean): number {
    if (!hasDescriptors) return native.writePair(this.#socket.fd, this.#head, this.#head.length, message);
    const packet = new Uint8Array(this.#head.length + message.length);
    packet.set(this.#head);
    packet.set(message, this.#head.length);
    return (this.#socket.inFlight ?? noDescriptors).send(message, packet);
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
