/** Unix datagram sockets: whole messages from many senders to one receiver, reliable and in order on one machine. */
import {
  checkMaxMessageBytes,
  fromErrno,
  IpcError,
  isIpcError,
  peerGoneError,
  ReceiveHalf,
  SendHalf,
  type End,
  type IpcErrorCode,
  type ReceiveEvents,
  type ReceivePort,
  type Receiver,
  type SendEvents,
  type Sender,
  type SendPort,
} from '@ipc/core';
import * as native from '@ipc/native';
import { bindUnix, type BindOptions } from './bind-unix.ts';
import { PacketSocket } from './packet-socket.ts';
import { openSocket } from './serve-unix.ts';
import { unixAddress, type UnixNamespace } from './unix-address.ts';

export interface DatagramOptions {
  /** Where names live. @default 'runtime', with the suffix `dgram` */
  readonly namespace?: UnixNamespace | undefined;
  /** Longest message. @default 128 KiB */
  readonly maxMessageBytes?: number | undefined;
}

const defaultMaxMessageBytes = 128 << 10;
const suffix = 'dgram';

/**
 * Receives what any number of senders send to a name. There is no end: senders come and go unseen.
 *
 * A message longer than `maxMessageBytes` fails the receiver with ERR_IPC_CORRUPT.
 *
 * @throws {IpcError} ERR_IPC_EXISTS when a live process has the name; ERR_IPC_PERMISSION; ERR_IPC_LIMIT.
 */
export function openDatagramReceiver(
  name: string,
  options: DatagramOptions & Omit<BindOptions, 'backlog'> = {},
): Receiver {
  const maxMessageBytes = checkMaxMessageBytes(options.maxMessageBytes ?? defaultMaxMessageBytes);
  const address = unixAddress(name, options.namespace, suffix);
  const fd = openSocket('datagram', name);
  let release: (() => void) | undefined;
  try {
    release = bindUnix(fd, address, options);
    return new ReceiveHalf(new DatagramReader(new PacketSocket(fd), maxMessageBytes, release));
  } catch (error) {
    release?.();
    native.close(fd);
    throw error;
  }
}

/**
 * Sends to the receiver of a name; waits while its queue (net.unix.max_dgram_qlen) is full.
 *
 * @throws {IpcError} ERR_IPC_NOT_FOUND when nobody receives; ERR_IPC_PERMISSION; ERR_IPC_LIMIT.
 */
export function openDatagramSender(name: string, options: DatagramOptions = {}): Sender {
  const maxMessageBytes = checkMaxMessageBytes(options.maxMessageBytes ?? defaultMaxMessageBytes);
  const address = unixAddress(name, options.namespace, suffix);
  const fd = openSocket('datagram', name);
  try {
    native.connect(fd, address.native);
    return new SendHalf(new DatagramWriter(new PacketSocket(fd), maxMessageBytes));
  } catch (error) {
    native.close(fd);
    throw fromErrno(error, 'connect', name);
  }
}

/** What a send to a receiver that is no more says. */
const goneCodes: ReadonlySet<IpcErrorCode> = new Set(['ERR_IPC_PEER_GONE', 'ERR_IPC_NOT_FOUND']);

class DatagramWriter implements SendPort {
  readonly maxMessageBytes: number;
  readonly pendingBytes = 0;
  readonly #socket: PacketSocket;
  #events!: SendEvents;

  constructor(socket: PacketSocket, maxMessageBytes: number) {
    this.#socket = socket;
    this.maxMessageBytes = maxMessageBytes;
  }

  attach(events: SendEvents): void {
    this.#events = events;
    this.#socket.onReady = () => {
      this.#socket.writable = false;
      events.room();
    };
  }

  push(message: Uint8Array): boolean {
    try {
      return native.sendMessage(this.#socket.fd, message, 0, message.length) !== -1;
    } catch (error) {
      const failure = fromErrno(error, 'send');
      this.#events.fail(goneCodes.has(failure.code) ? peerGoneError('the receiver is gone', error) : failure);
      return false;
    }
  }

  publish(): void {
    // every push has been a system call
  }

  awaitRoom(on: boolean): void {
    this.#socket.writable = on;
  }

  finish(): void {
    // the receiver does not know its senders
  }

  release(): void {
    this.#socket.close();
  }
}

class DatagramReader implements ReceivePort {
  end: End | undefined;
  readonly #socket: PacketSocket;
  readonly #buffer: Uint8Array;
  readonly #unbind: () => void;
  #released = false;

  constructor(socket: PacketSocket, maxMessageBytes: number, unbind: () => void) {
    this.#socket = socket;
    this.#buffer = new Uint8Array(maxMessageBytes);
    this.#unbind = unbind;
  }

  attach(events: ReceiveEvents): void {
    this.#socket.onReady = () => {
      this.#socket.readable = false;
      events.ready();
    };
  }

  pull(): Uint8Array | undefined {
    if (this.end !== undefined) return undefined;
    try {
      const { length } = this.#buffer;
      const { bytes, truncated } = native.receiveMessage(this.#socket.fd, this.#buffer, 0, length, 0);
      if (truncated) {
        throw new IpcError(
          'ERR_IPC_CORRUPT',
          `a message is longer than maxMessageBytes, which is ${length}, or carries descriptors`,
        );
      }
      return bytes === -1 ? undefined : this.#buffer.slice(0, bytes);
    } catch (error) {
      this.end = { error: isIpcError(error) ? error : fromErrno(error, 'receive') };
      return undefined;
    }
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
    this.#socket.readable = on && !this.#released;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#unbind();
    this.#socket.close();
  }
}
