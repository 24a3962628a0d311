import { frameChannel, type Channel } from '@ipc/core';
import * as native from '@ipc/native';
import { channelWithPeer } from './peer.ts';

export interface StreamChannelOptions {
  /** In range. */
  readonly maxMessageBytes: number;
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
  { maxMessageBytes, sendBufferBytes }: StreamChannelOptions,
): Channel {
  return channelWithPeer(fd, () => {
    if (sendBufferBytes !== undefined) native.setSocketBuffer(fd, 'send', sendBufferBytes);
    return frameChannel(new native.DescriptorStream(fd, fd), { maxMessageBytes });
  });
}
