/** UDP: datagrams between machines, one way. They may be lost, doubled or overtaken; each that comes is whole. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import {
  Deque,
  fromErrno,
  ReceiveHalf,
  SendHalf,
  type End,
  type ReceiveEvents,
  type ReceivePort,
  type Receiver,
  type SendEvents,
  type Sender,
  type SendPort,
} from '@ipc/core';
import { checkPort } from './tcp.ts';

/** The payload of one IPv4 datagram at most: 65,535 less the headers. */
export const MAX_UDP_BYTES = 65_507;

/** Datagrams handed to the kernel that have not left yet, at most. */
const maxInFlight = 64;

export interface UdpReceiverOptions {
  /** Where to receive. @default '127.0.0.1', of a multicast group '0.0.0.0' or '::' */
  readonly host?: string | undefined;
  /** 0 takes a free one, see {@link UdpReceiver.port}. */
  readonly port: number;
  /** A multicast group to join, from `multicastInterface` or the system's choice. */
  readonly multicastGroup?: string | undefined;
  readonly multicastInterface?: string | undefined;
  /** Several receivers of one multicast port. @default true for a group */
  readonly reuseAddress?: boolean | undefined;
  /** Datagrams kept while nobody receives; those beyond are dropped and counted. @default 1024 */
  readonly capacity?: number | undefined;
}

export interface UdpReceiver extends Receiver {
  readonly port: number;
  /** Datagrams dropped here because nobody received in time. Those the kernel or the network lost are not known. */
  readonly dropped: number;
}

/** @throws {IpcError} ERR_IPC_EXISTS: the port is taken. ERR_IPC_PERMISSION. {RangeError} An option out of range. */
export async function openUdpReceiver(options: UdpReceiverOptions): Promise<UdpReceiver> {
  const { port, multicastGroup, multicastInterface, capacity = 1024 } = options;
  if (port !== 0) checkPort(port);
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new RangeError(`capacity must be a positive integer, got ${capacity}`);
  const family = isIPv6(multicastGroup ?? options.host ?? '') ? 'udp6' : 'udp4';
  const everywhere = family === 'udp6' ? '::' : '0.0.0.0';
  const host = options.host ?? (multicastGroup === undefined ? '127.0.0.1' : everywhere);
  const socket = createSocket({
    type: family,
    reuseAddr: options.reuseAddress ?? multicastGroup !== undefined,
  });
  const reader = new UdpReader(socket, capacity);
  try {
    await settled(socket, 'listening', () => socket.bind({ port, address: host }));
    if (multicastGroup !== undefined) socket.addMembership(multicastGroup, multicastInterface);
  } catch (error) {
    socket.close();
    throw fromErrno(error, `receive on ${host}:${port}`);
  }
  return Object.defineProperties(new ReceiveHalf(reader), {
    port: { value: socket.address().port, enumerable: true },
    dropped: { get: () => reader.dropped, enumerable: true },
  }) as ReceiveHalf & UdpReceiver;
}

export interface UdpSenderOptions {
  /** A host, or a multicast group. @default '127.0.0.1' */
  readonly host?: string | undefined;
  readonly port: number;
  /** How many routers a multicast datagram may pass. @default 1 */
  readonly multicastTtl?: number | undefined;
  readonly multicastInterface?: string | undefined;
}

/**
 * A sender of datagrams of up to 65,507 bytes. That nobody receives is not known; on one machine the kernel tells
 * after the fact, and that is ignored here as on a network.
 *
 * @throws {IpcError} The host cannot be resolved or reached. {RangeError} An option out of range.
 */
export async function openUdpSender({
  host = '127.0.0.1',
  port,
  ...options
}: UdpSenderOptions): Promise<Sender> {
  checkPort(port);
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    await settled(socket, 'connect', () => {
      socket.connect(port, host);
    });
    if (options.multicastTtl !== undefined) socket.setMulticastTTL(options.multicastTtl);
    if (options.multicastInterface !== undefined) socket.setMulticastInterface(options.multicastInterface);
  } catch (error) {
    socket.close();
    throw fromErrno(error, `send to ${host}:${port}`);
  }
  return new SendHalf(new UdpWriter(socket));
}

function settled(socket: Socket, event: 'listening' | 'connect', start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject).once(event, () => {
      socket.off('error', reject);
      socket.on('error', () => undefined); // ICMP's "nobody there", see openUdpSender
      resolve();
    });
    start();
  });
}

class UdpWriter implements SendPort {
  readonly maxMessageBytes: number = MAX_UDP_BYTES;
  readonly #socket: Socket;
  #events!: SendEvents;
  #inFlight = 0;
  #pendingBytes = 0;
  #released = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#released || this.#inFlight >= maxInFlight) return false;
    this.#inFlight++;
    this.#pendingBytes += message.length;
    this.#socket.send(message.slice(), () => {
      this.#inFlight--;
      this.#pendingBytes -= message.length;
      if (!this.#released) this.#events.room();
    });
    return true;
  }

  publish(): void {
    // every push has been a send
  }

  awaitRoom(): void {
    // every datagram that leaves reports room
  }

  finish(): void {
    // UDP has no end
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#socket.close();
  }
}

class UdpReader implements ReceivePort {
  readonly end: End | undefined;
  dropped = 0;
  readonly #socket: Socket;
  readonly #arrived = new Deque<Uint8Array>();
  #events: ReceiveEvents | undefined;
  #released = false;

  constructor(socket: Socket, capacity: number) {
    this.#socket = socket;
    socket.on('message', (message) => {
      if (this.#arrived.length >= capacity) {
        this.dropped++;
        return;
      }
      this.#arrived.push(new Uint8Array(message)); // memory of its own: Node's buffer may be part of a larger one
      this.#events?.ready();
    });
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
  }

  pull(): Uint8Array | undefined {
    return this.#arrived.shift();
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

  awaitMessage(): void {
    // every datagram is reported
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#arrived.clear();
    this.#socket.close();
  }
}
