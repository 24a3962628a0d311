/** Anonymous pipes inside this process: halves, channels, packets. To a child process: `spawnChild`. */
import {
  checkGather,
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  frameChannel,
  ReceiveHalf,
  streamSender,
  type Channel,
  type GatherOptions,
  type Receiver,
  type Sender,
} from '@ipc/core';
import type { DescriptorStream } from '@ipc/native';
import { createPipe, type CapacityOptions } from './capacity.ts';
import { checkFormat, receiverOver, senderOver, type FormatOptions } from './format.ts';
import { PacketReader, PacketWriter } from './packet-port.ts';
import { streamsOn, type Ends } from './stream-on.ts';
import { close } from './let-go.ts';

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
  checkFormat(options);
  const [written, read] = openPipe(options);
  return { sender: senderOver(written, options), receiver: receiverOver(read, options) };
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
  const [written, read] = openPipe(options, true);
  return {
    sender: streamSender(written, new PacketWriter(written)),
    receiver: new ReceiveHalf(new PacketReader(read)),
  };
}

export interface PipePairOptions extends CapacityOptions {
  /** @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** When what was sent leaves. @default at the end of each turn of the event loop */
  readonly gather?: GatherOptions | undefined;
}

/** Two pipes as the two ends of a channel. @throws As {@link pipe}. Cost: four descriptors. */
export function pipePair(options: PipePairOptions = {}): [Channel, Channel] {
  checkMaxMessageBytes(options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES);
  checkGather(options.gather);
  const [near, far] = streamsOn(...createPipePair(options));
  return [frameChannel(near, options), frameChannel(far, options)];
}

/** Streams over the two ends of one pipe. */
function openPipe(
  options: CapacityOptions,
  packet = false,
): [written: DescriptorStream, read: DescriptorStream] {
  const [readFd, writeFd] = createPipe(options, packet);
  return streamsOn([-1, writeFd], [readFd, -1]);
}

/** Two pipes, crossed. */
function createPipePair(options: CapacityOptions): [near: Ends, far: Ends] {
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
