/** Anonymous pipes inside this process: halves, channels, packets. To a child process: `spawnChild`. */
import { frameChannel, ReceiveHalf, streamSender, type Channel, type Receiver, type Sender } from '@ipc/core';
import { close, DescriptorStream } from '@ipc/native';
import { createPipe, type CapacityOptions } from './capacity.ts';
import { receiverOver, senderOver, type FormatOptions } from './format.ts';
import { PacketReader, PacketWriter } from './packet-port.ts';

/** A pipe seen as messages. */
export interface PipeHalves {
  readonly sender: Sender;
  readonly receiver: Receiver;
}

/**
 * A pipe as a sender and its receiver.
 *
 * @throws {RangeError} `capacityBytes`, `maxMessageBytes`. @throws {TypeError} `format`.
 * @throws {IpcError} ERR_IPC_LIMIT: no descriptors left, or the capacity is over the limit.
 * Cost: two descriptors. Source: pipe2(2).
 */
export function pipe(options: FormatOptions & CapacityOptions = {}): PipeHalves {
  const [readFd, writeFd] = createPipe(options);
  return {
    sender: senderOver(new DescriptorStream(-1, writeFd), options),
    receiver: receiverOver(new DescriptorStream(readFd, -1), options),
  };
}

/**
 * A pipe in packet mode: each message is one packet, one system call each way, kept apart by the kernel.
 *
 * Messages are 0..4095 bytes. Slower than `pipe` when many are in flight (nothing is coalesced), and what it costs
 * in memory is a page per packet; of use where several threads or processes share the reading end.
 *
 * @throws As {@link pipe}. Source: O_DIRECT in pipe(2).
 */
export function packetPipe(options: CapacityOptions = {}): PipeHalves {
  const [readFd, writeFd] = createPipe(options, true);
  const stream = new DescriptorStream(-1, writeFd);
  return {
    sender: streamSender(stream, new PacketWriter(stream)),
    receiver: new ReceiveHalf(new PacketReader(new DescriptorStream(readFd, -1))),
  };
}

export interface PipePairOptions extends CapacityOptions {
  /** @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
}

/** Two pipes as the two ends of a channel. @throws As {@link pipe}. Cost: four descriptors. */
export function pipePair(options: PipePairOptions = {}): [Channel, Channel] {
  const [near, far] = createPipePair(options);
  return [
    frameChannel(new DescriptorStream(...near), options),
    frameChannel(new DescriptorStream(...far), options),
  ];
}

/** The descriptors of one end of two pipes. */
type ChannelDescriptors = readonly [readFd: number, writeFd: number];

/** Two pipes, crossed. */
function createPipePair(options: CapacityOptions): [near: ChannelDescriptors, far: ChannelDescriptors] {
  const there = createPipe(options);
  try {
    const back = createPipe(options);
    return [
      [back[0], there[1]],
      [there[0], back[1]],
    ];
  } catch (error) {
    there.forEach(close);
    throw error;
  }
}
