import {
  channelOf,
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  fromErrno,
  IpcError,
  QueueListener,
  type Channel,
  type Listener,
  type Traits,
  type Transport,
  type WaitOptions,
} from '@ipc/core';
import * as native from '@ipc/native';
import { dialUnix, letGo, serveUnix } from '@ipc/socket';
import { Region } from './region.ts';
import { receiveRegion, sendRefusal, sendRegion } from './ring-handshake.ts';
import { checkCapacity, CONTROL_BYTES, ringBytes, RingMemory } from './ring-layout.ts';
import { RingReader } from './ring-reader.ts';
import { RingReceivePort } from './ring-receive-port.ts';
import { RingSendPort } from './ring-send-port.ts';
import { RingWriter } from './ring-writer.ts';
import { Spin } from './spin.ts';
import { WakeLine } from './wake-line.ts';

export interface RingOptions {
  /** Of one direction: a power of two, chosen by the listening side. A channel takes twice as much of /dev/shm. @default 1 MiB */
  readonly capacityBytes?: number | undefined;
  /** Largest message this side sends, and takes in pieces. It may be larger than the ring. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /**
   * How long a receive looks for a message before it sleeps, at most: this thread does nothing else meanwhile, for 32 such
   * waits in a row at most. It only does while that pays (see the README); 0 is never. @default 50
   */
  readonly spinUs?: number | undefined;
  /** Whether to talk to a process with these credentials. @default the same user, or root */
  readonly authorize?: ((peer: native.PeerCredentials) => boolean) | undefined;
}

/** With it, both directions fit the second cache of today's processors. */
const DEFAULT_CAPACITY_BYTES: number = 1 << 20;
const kind = 'ring';
const suffix = 'ring';

/**
 * Channels through shared memory: two rings of records in a sealed memfd, which the listener hands to whoever connects
 * to its unix socket. The socket then wakes whoever sleeps, and its end tells of the peer's death at once.
 *
 * A message costs a copy in and a copy out (of one over a quarter of the ring, what does not fit at once is copied
 * once more, and goes in pieces), and no system call while the other side is awake. Messages sent in one turn
 * of the event loop become visible together when its callbacks have run, sooner at 4 KiB or when the sender looks for an answer.
 *
 * @throws {RangeError} An option out of range.
 * `listen` and `connect` throw as `serveUnix` and `dialUnix` of `@ipc/socket`; `connect` also rejects with what the listener
 * could not do (ERR_IPC_LIMIT: no memory; ERR_IPC_PERMISSION), ERR_IPC_MISMATCH and ERR_IPC_CORRUPT.
 */
export function ring(options: RingOptions = {}): Transport {
  const capacityBytes = checkCapacity(options.capacityBytes ?? DEFAULT_CAPACITY_BYTES);
  const maxMessageBytes = checkMaxMessageBytes(options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
  const { spinUs = 50, authorize = isSameUserOrRoot } = options;
  if (!(spinUs >= 0 && spinUs <= 1e6)) throw new RangeError(`spinUs must be in 0..1000000, got ${spinUs}`);
  const traits: Traits = {
    maxMessageBytes,
    peers: 'many',
    peerDeath: 'kernel',
    halfClose: true,
    scope: 'machine',
  };

  const check = (fd: number, what: string, name: string): void => {
    let peer: native.PeerCredentials;
    try {
      peer = native.peerCredentials(fd);
    } catch (error) {
      throw fromErrno(error, what, name);
    }
    if (authorize(peer)) return;
    throw new IpcError(
      'ERR_IPC_PERMISSION',
      `${what} "${name}": pid ${peer.pid} of uid ${peer.uid} is not authorized`,
      { name },
    );
  };

  const open = (region: Region, fd: number, listening: boolean): Channel => {
    const capacity = checkCapacity(region.bytes / 2 - CONTROL_BYTES);
    const first = new RingMemory(region.buffer, region.offset, capacity);
    const second = new RingMemory(region.buffer, region.offset + ringBytes(capacity), capacity);
    region.close(); // the mapping stays as long as the rings' views
    const line = new WakeLine(fd);
    const wake = (): void => {
      line.wake();
    };
    const writer = new RingWriter(listening ? first : second, wake);
    // What one record could carry is taken in pieces as well, whatever this side's own limit.
    const pieceLimit = Math.max(maxMessageBytes, writer.maxMessageBytes);
    const reader = new RingReader(listening ? second : first, wake, pieceLimit);
    const sender = new RingSendPort(writer, line, maxMessageBytes);
    const receiver = new RingReceivePort(reader, line, new Spin(spinUs), () => {
      sender.publishNow();
    });
    return channelOf(sender, receiver);
  };

  const serve = (name: string, fd: number): Channel | undefined => {
    try {
      check(fd, 'accept', name);
      const region = Region.anonymous({ kind, bytes: 2 * ringBytes(capacityBytes) });
      try {
        sendRegion(fd, region.descriptor);
        return open(region, fd, true);
      } finally {
        region.close();
      }
    } catch (error) {
      refuse(fd, fromErrno(error, 'accept', name));
      return undefined;
    }
  };

  const listen = async (name: string, { signal }: WaitOptions = {}): Promise<Listener> => {
    signal?.throwIfAborted();
    const server = await serveUnix(name, {
      suffix,
      onConnection: (fd) => {
        const channel = serve(name, fd);
        if (channel !== undefined) listener.push(channel);
      },
      onFailure: (error) => {
        listener.fail(error);
      },
    });
    const listener = new QueueListener(name, () => server.close());
    return listener;
  };

  const connect = async (name: string, { signal }: WaitOptions = {}): Promise<Channel> => {
    const fd = await dialUnix(name, { suffix, signal });
    try {
      check(fd, 'connect', name);
      const region = Region.fromDescriptor(await receiveRegion(fd, name, signal), { kind });
      try {
        return open(region, fd, false);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        throw new IpcError(
          'ERR_IPC_MISMATCH',
          `connect "${name}": the listener's region of ${region.bytes} bytes is not two rings`,
          { name },
        );
      } finally {
        region.close();
      }
    } catch (error) {
      letGo(fd);
      throw error;
    }
  };

  return { id: 'shm.ring', traits, listen, connect };
}

function isSameUserOrRoot({ uid }: native.PeerCredentials): boolean {
  return uid === process.geteuid?.() || uid === 0;
}

function refuse(fd: number, error: IpcError): void {
  try {
    sendRefusal(fd, error);
  } catch {
    // Whoever connected has vanished.
  } finally {
    letGo(fd);
  }
}
