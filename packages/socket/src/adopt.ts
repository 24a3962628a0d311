/** Sockets that somebody else has opened: a parent, systemd, a socket activator. */
import { fstatSync } from 'node:fs';
import {
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  fromErrno,
  IpcError,
  QueueListener,
  type Channel,
  type Listener,
} from '@ipc/core';
import * as native from '@ipc/native';
import { AcceptLoop } from './accept-loop.ts';
import { checkMaxDescriptorsInFlight } from './descriptors-in-flight.ts';
import { checkMaxDescriptors } from './descriptors.ts';
import { letGo } from './let-go.ts';
import { checkLimits, packetChannel } from './seqpacket.ts';
import { streamChannel } from './stream-channel.ts';

export interface AdoptOptions {
  /** Frames over a stream socket (unix or TCP), or packets of a unix seqpacket one. @default 'stream' */
  readonly type?: 'stream' | 'seqpacket' | undefined;
  /** Both ends must agree. @default 16 MiB, of a seqpacket socket 128 KiB */
  readonly maxMessageBytes?: number | undefined;
  /** Of a unix socket: descriptors accepted with one message. @default 0 */
  readonly maxDescriptors?: number | undefined;
  /** Of a unix socket: descriptors sent and not received by the peer, at which a message that brings more waits. @default 512 */
  readonly maxDescriptorsInFlight?: number | undefined;
}

/**
 * A channel over a connected socket, which it owns from now on; this process's children no longer inherit it.
 *
 * @throws {IpcError} ERR_IPC_MISMATCH when the descriptor is not an open socket. {RangeError} A limit out of range. In both
 *   cases it stays the caller's; whatever else fails closes it.
 */
export function adoptChannel(fd: number, options: AdoptOptions = {}): Channel {
  const channelOn = channelMaker(options);
  checkSocket(fd);
  native.setCloseOnExec(fd, true);
  return channelOn(fd);
}

/**
 * A listener over a socket that listens already, which it owns from now on. Its name stays when it closes: whoever
 * bound it may hand it to the next.
 *
 * @throws As {@link adoptChannel}.
 */
export function adoptListener(fd: number, name: string, options: AdoptOptions = {}): Listener {
  const channelOn = channelMaker(options);
  checkSocket(fd);
  native.setCloseOnExec(fd, true);
  const listener = new QueueListener(name, () => {
    loop.close();
  });
  const loop = new AcceptLoop(
    fd,
    (connection) => {
      listener.push(channelOn(connection));
    },
    (error) => {
      listener.fail(error);
    },
  );
  return listener;
}

/** A socket passed by the service manager. */
export interface ActivatedSocket {
  readonly fd: number;
  /** `FileDescriptorName=` of the socket unit; `unknown` when it has none. */
  readonly name: string;
}

const firstActivated = 3;

/**
 * The sockets this process was started with (systemd's LISTEN_FDS), each handed out once: the environment is cleared,
 * so that neither this process's children nor a second call take them for theirs.
 *
 * @returns None when the process was started without, or the sockets are meant for another process (LISTEN_PID).
 * @throws {IpcError} ERR_IPC_CORRUPT when the environment is malformed.
 * Source: sd_listen_fds(3).
 */
export function activatedSockets(): ActivatedSocket[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names = '' } = process.env;
  if (pid === undefined || count === undefined || Number(pid) !== process.pid) return [];
  delete process.env.LISTEN_PID;
  delete process.env.LISTEN_FDS;
  delete process.env.LISTEN_FDNAMES;
  if (!/^\d{1,4}$/.test(count))
    throw new IpcError('ERR_IPC_CORRUPT', `LISTEN_FDS is "${count}", not a number of descriptors`);
  const named = names.split(':');
  return Array.from({ length: Number(count) }, (_, i) => {
    const fd = firstActivated + i;
    checkSocket(fd);
    native.setCloseOnExec(fd, true);
    return { fd, name: named[i] === undefined || named[i] === '' ? 'unknown' : named[i] };
  });
}

/** One end of a socket pair as a channel, the other as a descriptor for a child process. */
export interface PassableSocket {
  readonly channel: Channel;
  /** Blocking, as any program expects. Put it into `stdio` of `spawn`, then close it here. */
  readonly descriptor: number;
}

/**
 * Two connected sockets without a name: the channel stays, the descriptor goes to a child, where `adoptChannel` takes it.
 *
 * @throws {IpcError} ERR_IPC_LIMIT. {RangeError} A limit out of range.
 */
export function passableSocket(options: AdoptOptions = {}): PassableSocket {
  const channelOn = channelMaker(options);
  const open = new Set<number>();
  try {
    const [near, far] = native.socketPair(options.type ?? 'stream');
    open.add(near).add(far);
    native.setNonBlocking(far, false);
    open.delete(near); // the channel's, also when there is none
    return { channel: channelOn(near), descriptor: far };
  } catch (error) {
    open.forEach(letGo);
    throw fromErrno(error, 'open socket pair');
  }
}

/** Makes channels of descriptors, and owns these also when it throws. @throws {RangeError} A limit out of range. */
function channelMaker(options: AdoptOptions): (fd: number) => Channel {
  if (options.type === 'seqpacket') {
    const limits = checkLimits(options);
    return (fd) => packetChannel(fd, limits);
  }
  const maxMessageBytes = checkMaxMessageBytes(options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
  const maxDescriptors = checkMaxDescriptors(options.maxDescriptors);
  const maxDescriptorsInFlight = checkMaxDescriptorsInFlight(options.maxDescriptorsInFlight);
  return (fd) => streamChannel(fd, { maxMessageBytes, maxDescriptors, maxDescriptorsInFlight });
}

function checkSocket(fd: number): void {
  let isSocket = false;
  try {
    isSocket = fstatSync(fd).isSocket();
  } catch {
    // not open
  }
  if (!isSocket) throw new IpcError('ERR_IPC_MISMATCH', `descriptor ${fd} is not an open socket`);
}
