/**
 * What an engine has to provide; everything else about a queue is written once, in {@link PortQueue}.
 *
 * A port moves whole messages without waiting, says on demand when trying again may help, and can block.
 */
import type { QueueAttributes, QueueMessage, QueueTraits } from './queue.ts';

/** What a port tells its queue, on the event loop. */
export interface QueueEvents {
  /** A push may succeed. */
  room(): void;
  /** A pull may succeed. */
  ready(): void;
}

/** When a message may be received, in milliseconds from now; 0 = no limit. */
export interface QueueTiming {
  readonly delayMs: number;
  readonly ttlMs: number;
}

/** Errors of the kernel are thrown as IpcError. Between `attach` and `release` everything may be called. */
export interface QueuePort {
  readonly traits: QueueTraits;
  /** Bytes one message has at most. */
  readonly maxMessageBytes: number;
  /** Called once, before anything else. */
  attach(events: QueueEvents): void;
  /** Puts one message in whole, copying it, or returns false while there is no room. @param timing - Only where `traits.leases`. */
  push(message: Uint8Array, priority: number, timing?: QueueTiming): boolean;
  /** Takes the first message out, in memory of its own; `undefined` when there is none. @param leaseMs - Only where `traits.leases`: a LeasedMessage. */
  pull(leaseMs?: number): QueueMessage | undefined;
  /** Whether anybody waits for `room`. May call it at once. */
  awaitRoom(on: boolean): void;
  /** Whether anybody waits for `ready`. May call it at once. */
  awaitMessage(on: boolean): void;
  /** BLOCKS until a push may succeed, or for `timeoutMs` (-1: for ever). */
  blockForRoom(timeoutMs: number): void;
  /** BLOCKS until a pull may succeed, or for `timeoutMs` (-1: for ever). */
  blockForMessage(timeoutMs: number): void;
  /** What makes room for messages of so many bytes. @default to create the queue with a larger maxMessageBytes */
  largerMessages?(bytes: number): string;
  attributes(): QueueAttributes;
  /** Removes the name; false when it is gone already. */
  unlink(): boolean;
  /** Gives up every resource. Idempotent. */
  release(): void;
}
