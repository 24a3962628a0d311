export { anonymous } from './anonymous.ts';
export type { CapacityOptions } from './capacity.ts';
export type { Format, FormatOptions } from './format.ts';
export { PACKET_MAX_BYTES } from './packet-port.ts';
export { packetPipe, pipe, pipePair } from './pipe.ts';
export type { PipeHalves, PipePairOptions } from './pipe.ts';
export { PIPE_BUF } from './pipe-buf.ts';
export { openPipe, PipeReader, PipeWriter } from './pipe-end.ts';
export type { Descriptor } from './pipe-end.ts';
export type { SpliceOptions } from './splice.ts';
export { inherited, inheritedReceiver, inheritedSender } from './inherited.ts';
export { spawnChild } from './spawn-child.ts';
export type {
  ChannelSpec,
  Child,
  EndOf,
  EndsOf,
  ExitStatus,
  OneWaySpec,
  SpawnChildOptions,
  TwoWaySpec,
} from './spawn-child.ts';
export { fifo } from './fifo.ts';
export type { FifoOptions } from './fifo.ts';
export { openFifoReceiver, openFifoSender, readFifo, writeFifo } from './fifo-ends.ts';
export type { FifoReceiverOptions, FifoSenderOptions, ReadFifoOptions } from './fifo-ends.ts';
export { createFifo } from './fifo-file.ts';
export { RECORD_MAX_BYTES } from './record.ts';
