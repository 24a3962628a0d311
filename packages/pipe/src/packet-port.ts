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
  IpcError,
  ownedSlice,
  peerGoneError,
  StreamReader,
  transferError,
  type ByteStream,
  type End,
  type SendEvents,
  type StreamWriter,
} from '@ipc/core';
import { PIPE_BUF } from './pipe-buf.ts';

const MESSAGE = 0;
const GOODBYE = 1;

/** The longest message of a packet pipe. */
export const PACKET_MAX_BYTES: number = PIPE_BUF - 1;

/** Sends each message as one packet, with one system call. */
export class PacketWriter implements StreamWriter {
  readonly maxMessageBytes: number = PACKET_MAX_BYTES;
  readonly #stream: ByteStream;
  readonly #packet = new Uint8Array(PIPE_BUF);
  #events!: SendEvents;
  #goodbyePending = false;
  #blocked = false;
  #released = false;

  constructor(stream: ByteStream) {
    this.#stream = stream;
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

  onWritable(): void {
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
      this.#events.fail(transferError(error, 'send'));
      return false;
    }
    if (this.#blocked) this.#stream.want(false, true);
    return !this.#blocked;
  }
}

/** Receives packets, each with one system call. */
export class PacketReader extends StreamReader {
  readonly #packet = new Uint8Array(PIPE_BUF);
  #length = 0;

  constructor(stream: ByteStream) {
    super(stream, false);
  }

  protected override cut(patient: boolean): boolean {
    if (this.end !== undefined) return false;
    this.#length = this.fill(this.#packet, 0, PIPE_BUF, patient);
    if (this.#length <= 0) return false;
    const kind = this.#packet[0];
    if (kind === MESSAGE) return true;
    const message = `a packet of kind ${kind ?? -1} and ${this.#length} bytes came in`;
    const clean = kind === GOODBYE && this.#length === 1;
    this.endWith(clean ? {} : { error: new IpcError('ERR_IPC_CORRUPT', message) });
    return false;
  }

  protected override take(owned: boolean): Uint8Array {
    return owned ? ownedSlice(this.#packet, 1, this.#length) : this.#packet.subarray(1, this.#length);
  }

  protected override drop(): void {
    this.#length = 0;
  }

  protected override endOfStream(): End {
    return { error: peerGoneError() };
  }
}
