/** Messages over Node byte streams that others made: a child's stdio of `node:child_process`, `process.stdin`, files. */
import { Duplex, type Readable, type Writable } from 'node:stream';
import { NodeByteStream, type Receiver, type Sender } from '@ipc/core';
import { receiverOver, senderOver, type FormatOptions } from './format.ts';

/** Receives from a readable byte stream, which it owns from now on. @throws {TypeError} `format`. @throws {RangeError} `maxMessageBytes`. */
export function receiverFrom(readable: Readable, options?: FormatOptions): Receiver {
  return receiverOver(new NodeByteStream(Duplex.from({ readable })), options);
}

/** Sends into a writable byte stream, which it owns from now on; closing ends it. @throws As {@link receiverFrom}. */
export function senderTo(writable: Writable, options?: FormatOptions): Sender {
  return senderOver(new NodeByteStream(Duplex.from({ writable })), options);
}
