/** Unix domain stream sockets as a transport. */
import {
  checkGather,
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  type Channel,
  type GatherOptions,
  type Transport,
} from '@ipc/core';
import type { BindOptions } from './bind-unix.ts';
import { checkMaxDescriptorsInFlight } from './descriptors-in-flight.ts';
import { checkMaxDescriptors } from './descriptors.ts';
import { dialUnix } from './dial-unix.ts';
import { listenUnix } from './listen-unix.ts';
import type { PeerRule } from './peer.ts';
import { DEFAULT_SEND_BUFFER_BYTES } from './send-buffer.ts';
import { streamChannel } from './stream-channel.ts';
import type { UnixNamespace } from './unix-address.ts';

export interface UnixOptions extends BindOptions {
  /** Where names live. @default 'runtime' */
  readonly namespace?: UnixNamespace | undefined;
  /** Connections the kernel keeps, and as many that wait for `accept`. @default 128 */
  readonly backlog?: number | undefined;
  /** Asked before a peer gets a channel. @default everyone who may open the file */
  readonly authorize?: PeerRule | undefined;
  /** SO_SNDBUF of each socket, which the kernel doubles after cutting it to net.core.wmem_max. @default 512 KiB */
  readonly sendBufferBytes?: number | undefined;
  /** Both ends must agree. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** When what was sent leaves. @default at the end of each turn of the event loop */
  readonly gather?: GatherOptions | undefined;
  /** Descriptors accepted with one message, 0..253; the receiver has to take them, with `takeDescriptors`. @default 0 */
  readonly maxDescriptors?: number | undefined;
  /** Descriptors sent and not received by the peer, at which a message that brings more waits. @default 512 */
  readonly maxDescriptorsInFlight?: number | undefined;
}

/**
 * Channels over unix stream sockets: frames, coalesced, at one write and one read per turn of the event loop.
 *
 * `listen` takes a name for itself alone until it is closed or its process dies; see `bind-unix.ts` for how. The
 * kernel tells at once when a peer has died. Descriptors go with messages, see `withDescriptors`; a message that has some
 * costs a system call of its own.
 *
 * @throws {RangeError} A limit out of range.
 */
export function unix(options: UnixOptions = {}): Transport {
  const maxMessageBytes = checkMaxMessageBytes(options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
  const maxDescriptors = checkMaxDescriptors(options.maxDescriptors);
  const maxDescriptorsInFlight = checkMaxDescriptorsInFlight(options.maxDescriptorsInFlight);
  const gather = checkGather(options.gather);
  const { namespace, sendBufferBytes = DEFAULT_SEND_BUFFER_BYTES } = options;
  const channelOn = (fd: number): Channel =>
    streamChannel(fd, { maxMessageBytes, gather, maxDescriptors, maxDescriptorsInFlight, sendBufferBytes });
  return {
    id: 'socket.unix',
    traits: { maxMessageBytes, peers: 'many', peerDeath: 'kernel', halfClose: true, scope: 'machine' },
    listen: (name, wait) => listenUnix(name, { ...options, type: 'stream' }, channelOn, wait),
    connect: async (name, wait) => channelOn(await dialUnix(name, { namespace, signal: wait?.signal })),
  };
}
