/**
 * Message queues between processes: one contract, behind it the queues of the kernel and one in shared memory.
 *
 * @packageDocumentation
 */
export type {
  LeasedMessage,
  Queue,
  QueueAttributes,
  QueueBlockOptions,
  QueueLeaseOptions,
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
export { SharedQueue } from './shared-queue.ts';
export type { SharedQueueAttributes, SharedQueueOptions } from './shared-queue.ts';
export type { DeadLetter } from './message-table.ts';
export { worker } from './worker.ts';
export type { JobContext, JobHandler, Worker, WorkerOptions } from './worker.ts';
export { WorkClient, type SubmitOptions } from './work-client.ts';

// For those who build an engine.
export { PortQueue } from './port-queue.ts';
export type { QueueEvents, QueuePort, QueueTiming } from './queue-port.ts';
