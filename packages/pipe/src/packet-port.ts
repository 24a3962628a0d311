/**
 * Packets: one write is one message, kept apart by the kernel (O_DIRECT pipes, see pipe(7)).
 *
 *    0       1                 1 + length
 *   +-------+------- - - - - -+
 *   | kind  |  payload        |      one packet, at most PIPE_BUF = 4096 bytes
 *   +-------+------- - - - - -+
 *
 * Kind 0 is a message. Kind 1 has no payload and means "closed cleanly". The kind is there because
 * a pipe has no empty packet, and because the end of the stream alone does not tell a clean end from a death.
 */
import {
  fromErrno,
  IpcError,
  peerGoneError,
  type ByteStream,
  type End,
  type ReceiveEvents,
  type ReceivePort,
  type SendEvents,
  type SendPort,
} from '@ipc/core';
import { PIPE_BUF } from './pipe-buf.ts';

const MESSAGE = 0;
const GOODBYE = 1;

/** The longest message of a packet pipe. */
export const PACKET_MAX_BYTES: number = PIPE_BUF - 1;

/** Sends each message as one packet, with one system call. */
export class PacketWriter implements SendPort {
  readonly maxMessageBytes: number = PACKET_MAX_BYTES;
  readonly #stream: ByteStream;
  readonly #packet = new Uint8Array(PIPE_BUF);
  #events!: SendEvents;
  #goodbyePending = false;
  #blocked = false;
  #released = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    stream.onReady = () => {
      this.#onWritable();
    };
  }

  get pendingBytes(): number {
    return this.#goodbyePending ? 1 : 0;
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    this.#packet[0] = MESSAGE;
    this.#packet.set(message, 1);
    return this.#write(1 + message.length);
  }

  publish(): void {
    // a packet is on its way at once
  }

  awaitRoom(): void {
    // a stream that blocked always tells when it can go on
  }

  finish(): void {
    this.#packet[0] = GOODBYE;
    this.#goodbyePending = !this.#write(1);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#goodbyePending = false;
    this.#stream.close();
  }

  #onWritable(): void {
    this.#blocked = false;
    this.#stream.want(false, false);
    if (this.#goodbyePending) this.finish();
    if (!this.#released) this.#events.room();
  }

  #write(length: number): boolean {
    if (this.#released || this.#blocked) return false;
    try {
      this.#blocked = this.#stream.write(this.#packet, 0, length) === -1;
    } catch (error) {
      const failure = fromErrno(error, 'send');
      this.#events.fail(
        failure.code === 'ERR_IPC_PEER_GONE' ? peerGoneError('the reader is gone', error) : failure,
      );
      return false;
    }
    if (this.#blocked) this.#stream.want(false, true);
    return !this.#blocked;
  }
}

/** Receives packets, each with one system call. Reads one ahead, so that the end is noticed also while nobody receives. */
export class PacketReader implements ReceivePort {
  end: End | undefined;
  readonly #stream: ByteStream;
  readonly #packet = new Uint8Array(PIPE_BUF);
  /** Length of the packet in `#packet` that nobody has taken; 0 for none. */
  #ahead = 0;
  #events!: ReceiveEvents;
  #released = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
    stream.onReady = () => {
      this.#onReadable();
    };
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#stream.want(true, false);
  }

  pull(): Uint8Array | undefined {
    const length = this.#take();
    return length === 0 ? undefined : this.#packet.slice(1, length);
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    for (; count < limit; count++) {
      const length = this.#take();
      if (length === 0) break;
      handler(this.#packet.subarray(1, length));
    }
    return count;
  }

  awaitMessage(on: boolean): void {
    if (on && this.end === undefined && !this.#released) this.#stream.want(true, false);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#ahead = 0;
    this.#stream.close();
  }

  #onReadable(): void {
    if (this.#ahead > 0) {
      this.#stream.want(false, false); // hold the writer back until somebody takes
      return;
    }
    this.#ahead = this.#read();
    this.#events.ready();
  }

  #take(): number {
    const length = this.#ahead > 0 ? this.#ahead : this.#read();
    this.#ahead = 0;
    return length;
  }

  /** One packet into `#packet`; its length, 0 when there is none. */
  #read(): number {
    if (this.end !== undefined || this.#released) return 0;
    try {
      const length = this.#stream.read(this.#packet, 0, PIPE_BUF);
      if (length > 0 && this.#packet[0] === MESSAGE) return length;
      if (length === -1) {
        this.#stream.want(true, false);
        return 0;
      }
      this.end = length === 0 ? { error: peerGoneError() } : this.#lastPacket(length);
    } catch (error) {
      this.end = { error: fromErrno(error, 'receive') };
    }
    this.#stream.want(false, false);
    return 0;
  }

  #lastPacket(length: number): End {
    const kind = this.#packet[0];
    if (kind === GOODBYE && length === 1) return {};
    return {
      error: new IpcError('ERR_IPC_CORRUPT', `a packet of kind ${kind ?? -1} and ${length} bytes came in`),
    };
  }
}
