/** Unix seqpacket sockets as a transport: the kernel keeps the bounds of messages, and descriptors travel with them. */
import { channelOf, checkMaxMessageBytes, type Channel, type Transport } from '@ipc/core';
import type { BindOptions } from './bind-unix.ts';
import { checkMaxDescriptorsInFlight, DescriptorsInFlight } from './descriptors-in-flight.ts';
import { checkMaxDescriptors } from './descriptors.ts';
import { dialUnix } from './dial-unix.ts';
import { listenUnix } from './listen-unix.ts';
import { PacketReader } from './packet-reader.ts';
import { PacketSocket } from './packet-socket.ts';
import { PacketWriter } from './packet-writer.ts';
import { PACKET_HEADER_BYTES, type PacketLimits } from './packet.ts';
import { channelWithPeer, type PeerRule } from './peer.ts';
import { reserveSendBuffer } from './send-buffer.ts';
import type { UnixNamespace } from './unix-address.ts';

export interface SeqpacketOptions extends BindOptions {
  /** Where names live. @default 'runtime' */
  readonly namespace?: UnixNamespace | undefined;
  /** Asked before a peer gets a channel. @default everyone who may open the file */
  readonly authorize?: PeerRule | undefined;
  /** Both ends must agree. A message has to fit the socket's send buffer (net.core.wmem_max). @default 128 KiB */
  readonly maxMessageBytes?: number | undefined;
  /** Descriptors accepted with one message, 0..253; the receiver has to take them, with `takeDescriptors`. @default 0 */
  readonly maxDescriptors?: number | undefined;
  /** Descriptors sent and not received by the peer, at which a message that brings more waits. @default 512 */
  readonly maxDescriptorsInFlight?: number | undefined;
}

/**
 * Channels over unix seqpacket sockets: what is sent in one turn of the event loop leaves with one system call, and what
 * waits comes with one, up to 64 and 32 messages.
 *
 * For many small messages `unix` is faster, since it makes one of them. This one is for peers that want the kernel's message
 * bounds. A receiver of descriptors makes one system call for each message.
 *
 * @throws {RangeError} A limit out of range.
 */
export function seqpacket(options: SeqpacketOptions = {}): Transport {
  const { namespace } = options;
  const limits = checkLimits(options);
  return {
    id: 'socket.seqpacket',
    traits: {
      maxMessageBytes: limits.maxMessageBytes,
      peers: 'many',
      peerDeath: 'kernel',
      halfClose: true,
      scope: 'machine',
    },
    listen: (name, wait) =>
      listenUnix(name, { ...options, type: 'seqpacket' }, (fd) => packetChannel(fd, limits), wait),
    connect: async (name, wait) =>
      packetChannel(await dialUnix(name, { namespace, type: 'seqpacket', signal: wait?.signal }), limits),
  };
}

export function checkLimits({
  maxMessageBytes = 128 << 10,
  maxDescriptors,
  maxDescriptorsInFlight,
}: Partial<Record<keyof PacketLimits, number | undefined>>): PacketLimits {
  return {
    maxMessageBytes: checkMaxMessageBytes(maxMessageBytes),
    maxDescriptors: checkMaxDescriptors(maxDescriptors),
    maxDescriptorsInFlight: checkMaxDescriptorsInFlight(maxDescriptorsInFlight),
  };
}

/**
 * A channel over a connected seqpacket socket, which it owns from now on, also when it throws.
 *
 * @throws {IpcError} ERR_IPC_LIMIT when the send buffer cannot hold a message of `maxMessageBytes`.
 */
export function packetChannel(fd: number, limits: PacketLimits): Channel {
  return channelWithPeer(fd, () => {
    reserveSendBuffer(fd, PACKET_HEADER_BYTES + limits.maxMessageBytes);
    const inFlight = new DescriptorsInFlight(fd, limits.maxDescriptorsInFlight);
    const channel = packetsOver(new PacketSocket(fd, inFlight), limits);
    inFlight.belongTo(channel);
    return channel;
  });
}

function packetsOver(socket: PacketSocket, limits: PacketLimits): Channel {
  const { maxMessageBytes } = limits;
  let held = 2;
  const release = (): void => {
    if (--held === 0) socket.close();
  };
  const writer = new PacketWriter(socket, {
    maxMessageBytes,
    hasKinds: true,
    isGone: (code) => code === 'ERR_IPC_PEER_GONE',
    onRelease: release,
  });
  const reader = new PacketReader(socket, limits, release, {
    asked: () => {
      writer.pushReceipt();
    },
    received: () => {
      writer.onReceipt();
    },
  });
  socket.onReady = (readable, writable) => {
    if (writable) writer.onWritable();
    if (readable) reader.onReadable();
  };
  return channelOf(writer, reader);
}
