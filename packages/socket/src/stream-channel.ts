import { frameChannel, type Channel, type GatherOptions } from '@ipc/core';
import * as native from '@ipc/native';
import { CarryingStream } from './carrying-stream.ts';
import { checkMaxDescriptorsInFlight, DescriptorsInFlight } from './descriptors-in-flight.ts';
import { channelWithPeer } from './peer.ts';

export interface StreamChannelOptions {
  /** In range. */
  readonly maxMessageBytes: number;
  readonly gather?: GatherOptions | undefined;
  /** In range. @default 0 */
  readonly maxDescriptors?: number | undefined;
  /** In range. @default 512 */
  readonly maxDescriptorsInFlight?: number | undefined;
  /** SO_SNDBUF. `undefined`: as it is. */
  readonly sendBufferBytes?: number | undefined;
}

/**
 * A channel of frames over a connected stream socket, which it owns from now on, also when it throws.
 *
 * @throws {IpcError} ERR_IPC_LIMIT; ERR_IPC_SYSTEM.
 */
export function streamChannel(
  fd: number,
  {
    maxMessageBytes,
    gather,
    maxDescriptors = 0,
    maxDescriptorsInFlight,
    sendBufferBytes,
  }: StreamChannelOptions,
): Channel {
  return channelWithPeer(fd, () => {
    if (sendBufferBytes !== undefined) native.setSocketBuffer(fd, 'send', sendBufferBytes);
    const inFlight = new DescriptorsInFlight(fd, checkMaxDescriptorsInFlight(maxDescriptorsInFlight));
    const stream = new CarryingStream(fd, maxDescriptors, inFlight);
    const channel = frameChannel(stream, { maxMessageBytes, gather }, stream);
    inFlight.belongTo(channel);
    return channel;
  });
}
