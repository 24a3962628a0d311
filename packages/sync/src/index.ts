/**
 * Locks between processes that survive their owners.
 *
 * Every lock has three spellings: `tryAcquire` never waits, `acquire` waits on the event loop, `acquireSync` blocks the
 * thread. What is acquired is released by `release`, by `using`, or by the death of its holder.
 *
 * @packageDocumentation
 */
export { Barrier, type BarrierOptions } from './barrier.ts';
export { Condition } from './condition.ts';
export { findDeadlocks, type Deadlock, type Deadlocked } from './deadlock.ts';
export { Event, type EventOptions } from './event.ts';
export { FileLock, FileLockHeld, type ByteRange, type FileLockOptions } from './file-lock.ts';
export { Held } from './held.ts';
export { Latch, type LatchOptions } from './latch.ts';
export { Lease } from './lease.ts';
export { Mutex } from './mutex.ts';
export type { MutexOptions, MutexOwner } from './mutex-options.ts';
export { Once } from './once.ts';
export type { LockOptions } from './open-area.ts';
export type { ParticipantInfo } from './participant.ts';
export { Permit } from './permit.ts';
export { PosixSemaphore, type PosixSemaphoreOptions } from './posix-semaphore.ts';
export type { ExclusiveHeld, SharedHeld, Side } from './rw-held.ts';
export { RwLock, type RwLockOptions } from './rw-lock.ts';
export { Semaphore, type PermitOptions, type SemaphoreOptions } from './semaphore.ts';
export type { BlockOptions } from './timeout.ts';

// For those who build a structure of their own in a region.
export { Monitor } from './monitor.ts';
