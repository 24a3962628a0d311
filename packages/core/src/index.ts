/**
 * The protocol every `@ipc` package speaks: the contract of channels and transports, errors, names,
 * frames, codecs, stream interop, and an in-process transport as readable reference.
 *
 * @packageDocumentation
 */
export type {
  Channel,
  Closable,
  Delivery,
  FlushOptions,
  Listener,
  Receiver,
  Sender,
  Traits,
  Transport,
  WaitOptions,
} from './channel.ts';
export {
  closedError,
  fromErrno,
  IpcError,
  ipcErrorCodes,
  isIpcError,
  peerGoneError,
  transferError,
} from './errors.ts';
export type { IpcErrorCode, IpcErrorContext } from './errors.ts';
export { checkName, objectNameOf, pathOf, runtimeDirectory } from './name.ts';
export { bytes, json, structuredClone, utf8 } from './codec.ts';
export type { Codec } from './codec.ts';
export { waitAny } from './wait-any.ts';
export type { Waitable } from './wait-any.ts';
export { decodingReceiver, encodingSender, withCodec } from './with-codec.ts';
export { memory } from './memory.ts';
export type { MemoryOptions } from './memory.ts';
export { channelFromDuplex, toDuplex, toReadable, toWritable } from './node-streams.ts';
export { toReadableStream, toWritableStream } from './web-streams.ts';

// For those who build a mechanism.
export type { Attachments } from './attachments.ts';
export type { ByteStream } from './byte-stream.ts';
export { giveBuffer, giveLarge, noBuffer, POOLED_BYTES, takeBuffer, takeLarge } from './buffer-pool.ts';
export {
  checkMaxMessageBytes,
  DEFAULT_MAX_MESSAGE_BYTES,
  FRAME_HEADER_BYTES,
  GOODBYE,
  readFrameHeader,
  writeFrameHeader,
} from './frame.ts';
export { frameChannel, frameReceiver, frameSender } from './frame-channel.ts';
export type { FrameOptions } from './frame-channel.ts';
export { checkGather } from './gather.ts';
export type { GatherOptions } from './gather.ts';
export type { FrameReceipts } from './frame-reader.ts';
export { NodeByteStream } from './node-byte-stream.ts';
export { isSlabbed, ownedMemory, ownedSlice, slabFor, unzeroed } from './owned-memory.ts';
export type { End, ReceiveEvents, ReceivePort, SendEvents, SendPort } from './ports.ts';
export { SendHalf } from './send-half.ts';
export { ReceiveHalf } from './receive-half.ts';
export { StreamReader } from './stream-reader.ts';
export { streamSender } from './stream-sender.ts';
export type { StreamWriter } from './stream-sender.ts';
export { channelOf, joinHalves } from './join.ts';
export { localTransport } from './local-transport.ts';
export { QueueListener } from './queue-listener.ts';
export { WaitQueue } from './wait-queue.ts';
export { Deque } from './deque.ts';
export { onAbort } from './on-abort.ts';
export { iterate } from './iterate.ts';
export { Owed } from './owed.ts';
export { pullEach } from './pull-each.ts';
export { quietly } from './quietly.ts';
export { rejected } from './rejected.ts';
