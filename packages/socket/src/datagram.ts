/** Unix datagram sockets: whole messages from many senders to one receiver, reliable and in order on one machine. */
import {
  checkMaxMessageBytes,
  fromErrno,
  IpcError,
  isIpcError,
  ReceiveHalf,
  SendHalf,
  type End,
  type ReceiveEvents,
  type ReceivePort,
  type Receiver,
  type Sender,
} from '@ipc/core';
import * as native from '@ipc/native';
import { bindUnix, type BindOptions } from './bind-unix.ts';
import { letGo } from './let-go.ts';
import { PacketInbox } from './packet-inbox.ts';
import { PacketSocket } from './packet-socket.ts';
import { PacketWriter } from './packet-writer.ts';
import { reserveSendBuffer } from './send-buffer.ts';
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
    letGo(fd);
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
    reserveSendBuffer(fd, maxMessageBytes);
    native.connect(fd, address.native);
    const socket = new PacketSocket(fd);
    const writer = new PacketWriter(socket, {
      maxMessageBytes,
      isGone: (code) => goneCodes.has(code),
      onRelease: () => {
        socket.close();
      },
    });
    socket.onReady = () => {
      writer.onWritable();
    };
    return new SendHalf(writer);
  } catch (error) {
    letGo(fd);
    throw fromErrno(error, 'connect', name);
  }
}

/** What a send to a receiver that is no more says. */
const goneCodes: ReadonlySet<string> = new Set(['ERR_IPC_PEER_GONE', 'ERR_IPC_NOT_FOUND']);

class DatagramReader implements ReceivePort {
  end: End | undefined;
  readonly #socket: PacketSocket;
  readonly #inbox: PacketInbox;
  readonly #maxMessageBytes: number;
  readonly #unbind: () => void;
  #awaited = false;
  /** The kernel had nothing more, and nothing has been reported since. */
  #dry = false;
  #released = false;

  constructor(socket: PacketSocket, maxMessageBytes: number, unbind: () => void) {
    this.#socket = socket;
    this.#inbox = new PacketInbox(socket.fd, 0, maxMessageBytes);
    this.#maxMessageBytes = maxMessageBytes;
    this.#unbind = unbind;
  }

  attach(events: ReceiveEvents): void {
    this.#socket.onReady = () => {
      if (!this.#awaited || this.#inbox.length > 0) {
        this.#socket.readable = false;
        return;
      }
      this.#dry = false;
      events.ready();
    };
  }

  pull(patient = false): Uint8Array | undefined {
    return this.#next(patient) ? this.#inbox.takeOwn() : undefined;
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    let count = 0;
    for (; count < limit && this.#next(false); count++) handler(this.#inbox.take());
    return count;
  }

  awaitMessage(on: boolean): void {
    this.#awaited = on; // turned off only when something comes that nobody waits for: often the next receive is near
    if (on && !this.#released) this.#socket.readable = true;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#inbox.clear();
    this.#unbind();
    this.#socket.close();
  }

  /** Whether a message is at the front of the inbox; fetches what waits in the kernel when the inbox is empty. */
  #next(patient: boolean): boolean {
    if (this.end !== undefined || this.#released) return false;
    try {
      if (this.#inbox.length === 0) {
        if (patient && this.#dry) return false;
        const count = this.#inbox.fill();
        this.#dry = count === -1 || this.#inbox.isDry;
        if (count === -1) return false;
      }
      if (this.#inbox.nextLength !== -1) return true;
      const message = `a message is longer than maxMessageBytes, which is ${this.#maxMessageBytes}, or carries descriptors`;
      throw new IpcError('ERR_IPC_CORRUPT', message);
    } catch (error) {
      this.end = { error: isIpcError(error) ? error : fromErrno(error, 'receive') };
      return false;
    }
  }
}
