/**
 * What a pipe carries.
 *
 * - `frames`: whole messages with a length in front, for programs that use this package. The only format that tells a
 *   clean end (`undefined`) from a peer that died (ERR_IPC_PEER_GONE).
 * - `lines`: text lines ending in "\n", for any program. A message is a line without its newline; sending one that
 *   has a newline inside is a TypeError. A last line without a newline counts. The end of the stream is the end.
 * - `bytes`: what comes, as it comes: messages are chunks, their bounds mean nothing. The end of the stream is the end.
 */
import {
  checkGather,
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  encodingSender,
  frameReceiver,
  frameSender,
  ReceiveHalf,
  streamSender,
  type ByteStream,
  type GatherOptions,
  type Receiver,
  type Sender,
} from '@ipc/core';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { LineReader, NEWLINE } from './line-reader.ts';

export type Format = 'frames' | 'lines' | 'bytes';

export interface FormatOptions {
  /** @default 'frames' */
  readonly format?: Format | undefined;
  /** The longest message or line; of `bytes`, the longest chunk. @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** When frames that were sent leave. Lines and bytes leave at the end of each turn. @default at the end of each turn of the event loop */
  readonly gather?: GatherOptions | undefined;
}

/** A sender over a stream that can be written; owns the stream from now on. */
export function senderOver(stream: ByteStream, options: FormatOptions = {}): Sender {
  const { format, maxMessageBytes } = checkFormat(options);
  if (format === 'frames') return frameSender(stream, { maxMessageBytes, gather: options.gather });
  const sender = streamSender(stream, new ByteWriter(stream, format === 'lines', maxMessageBytes));
  return format === 'lines' ? encodingSender(sender, { encode: checkLine, decode: checkLine }) : sender;
}

/** A receiver over a stream that can be read; owns the stream from now on. */
export function receiverOver(stream: ByteStream, options: FormatOptions = {}): Receiver {
  const { format, maxMessageBytes } = checkFormat(options);
  if (format === 'frames') return frameReceiver(stream, { maxMessageBytes });
  return new ReceiveHalf(
    format === 'lines' ? new LineReader(stream, maxMessageBytes) : new ByteReader(stream, maxMessageBytes),
  );
}

/** @throws {TypeError} No such format. @throws {RangeError} `maxMessageBytes`, `gather`. */
export function checkFormat({
  format = 'frames',
  maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES,
  gather,
}: FormatOptions): Required<{
  format: Format;
  maxMessageBytes: number;
}> {
  if (!['frames', 'lines', 'bytes'].includes(format)) {
    throw new TypeError(`format must be frames, lines or bytes, got ${format}`);
  }
  checkGather(gather);
  return { format, maxMessageBytes: checkMaxMessageBytes(maxMessageBytes) };
}

function checkLine(line: Uint8Array): Uint8Array {
  if (line instanceof Uint8Array && line.includes(NEWLINE))
    throw new TypeError('a line must not contain a newline');
  return line;
}
