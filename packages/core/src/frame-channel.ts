/** Channels and halves over byte streams: one implementation for pipes, sockets and Node streams. */
import type { Attachments } from './attachments.ts';
import { StreamInterest, type ByteStream } from './byte-stream.ts';
import type { Channel, Receiver, Sender } from './channel.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { checkMaxMessageBytes, DEFAULT_MAX_MESSAGE_BYTES } from './frame.ts';
import { checkGather, type Gather, type GatherOptions } from './gather.ts';
import { channelOf } from './join.ts';
import { ReceiveHalf } from './receive-half.ts';
import { streamSender } from './stream-sender.ts';

export interface FrameOptions {
  /** Both ends must agree. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** When what was sent leaves. */
  readonly gather?: GatherOptions | undefined;
}

/** Complete and in range. @throws {RangeError} */
function checkFrameOptions({ maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, gather }: FrameOptions): {
  readonly maxMessageBytes: number;
  readonly gather: Gather;
} {
  return { maxMessageBytes: checkMaxMessageBytes(maxMessageBytes), gather: checkGather(gather) };
}

/** A channel of frames over a two-way stream, which it owns from now on, and with what travels beside its bytes. */
export function frameChannel(
  stream: ByteStream,
  options: FrameOptions = {},
  attachments?: Attachments,
): Channel {
  const limits = checkFrameOptions(options);
  let held = 2;
  const release = (): void => {
    if (--held === 0) stream.close();
  };
  const interest = new StreamInterest(stream);
  const writer = new FrameWriter(stream, interest, limits, release, attachments);
  writer.ask = () => {
    writer.pushAsk();
  };
  const receipts = {
    asked: () => {
      writer.pushReceipt();
    },
    received: () => {
      writer.onReceipt();
    },
  };
  const reader = new FrameReader(stream, interest, limits.maxMessageBytes, release, receipts, attachments);
  stream.onReady = (readable, writable) => {
    if (writable) writer.onWritable();
    if (readable) reader.onReadable();
  };
  return channelOf(writer, reader);
}

/** A sender of frames over a stream that can be written; owns the stream from now on. */
export function frameSender(stream: ByteStream, options: FrameOptions = {}): Sender {
  const writer = new FrameWriter(stream, new StreamInterest(stream), checkFrameOptions(options), () => {
    stream.close();
  });
  return streamSender(stream, writer);
}

/** A receiver of frames over a stream that can be read; owns the stream from now on. */
export function frameReceiver(stream: ByteStream, options: FrameOptions = {}): Receiver {
  const { maxMessageBytes } = checkFrameOptions(options);
  const reader = new FrameReader(stream, new StreamInterest(stream), maxMessageBytes, () => {
    stream.close();
  });
  stream.onReady = () => {
    reader.onReadable();
  };
  return new ReceiveHalf(reader);
}
