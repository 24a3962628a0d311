/** Channels and halves over byte streams: one implementation for pipes, sockets and Node streams. */
import type { Attachments } from './attachments.ts';
import { StreamInterest, type ByteStream } from './byte-stream.ts';
import type { Channel, Receiver, Sender } from './channel.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { checkMaxMessageBytes, DEFAULT_MAX_MESSAGE_BYTES } from './frame.ts';
import { channelOf } from './join.ts';
import { ReceiveHalf } from './receive-half.ts';
import { streamSender } from './stream-sender.ts';

export interface FrameOptions {
  /** Both ends must agree. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
}

/** A channel of frames over a two-way stream, which it owns from now on, and with what travels beside its bytes. */
export function frameChannel(
  stream: ByteStream,
  { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES }: FrameOptions = {},
  attachments?: Attachments,
): Channel {
  checkMaxMessageBytes(maxMessageBytes);
  let held = 2;
  const release = (): void => {
    if (--held === 0) stream.close();
  };
  const interest = new StreamInterest(stream);
  const writer = new FrameWriter(stream, interest, maxMessageBytes, release, attachments);
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
  const reader = new FrameReader(stream, interest, maxMessageBytes, release, receipts, attachments);
  stream.onReady = (readable, writable) => {
    if (writable) writer.onWritable();
    if (readable) reader.onReadable();
  };
  return channelOf(writer, reader);
}

/** A sender of frames over a stream that can be written; owns the stream from now on. */
export function frameSender(
  stream: ByteStream,
  { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES }: FrameOptions = {},
): Sender {
  checkMaxMessageBytes(maxMessageBytes);
  const writer = new FrameWriter(stream, new StreamInterest(stream), maxMessageBytes, () => {
    stream.close();
  });
  return streamSender(stream, writer);
}

/** A receiver of frames over a stream that can be read; owns the stream from now on. */
export function frameReceiver(
  stream: ByteStream,
  { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES }: FrameOptions = {},
): Receiver {
  checkMaxMessageBytes(maxMessageBytes);
  const reader = new FrameReader(stream, new StreamInterest(stream), maxMessageBytes, () => {
    stream.close();
  });
  stream.onReady = () => {
    reader.onReadable();
  };
  return new ReceiveHalf(reader);
}
