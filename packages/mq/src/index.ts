/**
 * Message queues between processes: one contract, and the queues of the kernel behind it.
 *
 * @packageDocumentation
 */
export type {
  Queue,
  QueueAttributes,
  QueueBlockOptions,
  QueueMessage,
  QueueSendOptions,
  QueueTraits,
  QueueWaitOptions,
} from './queue.ts';
export { PosixQueue } from './posix-queue.ts';
export type { PosixQueueCreateOptions, PosixQueueOpenOptions } from './posix-queue.ts';
export type { PosixQueueInfo } from './posix-queue-list.ts';
export type { PosixQueueLimits } from './posix-limits.ts';
export { posixQueue } from './posix-transport.ts';
export type { PosixQueueTransportOptions } from './posix-transport.ts';
export { SysvQueue } from './sysv-queue.ts';
export type { SysvQueueCreateOptions, SysvQueueOptions } from './sysv-queue.ts';
export type { SysvQueueLimits } from './sysv-limits.ts';

// For those who build an engine.
export { PortQueue } from './port-queue.ts';
export type { QueueEvents, QueuePort } from './queue-port.ts';
