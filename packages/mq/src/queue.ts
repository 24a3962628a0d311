/**
 * The contract every queue keeps.
 *
 * A queue stores messages until someone receives them: the sender goes on, the receiver waits.
 * It has a name instead of a peer, so it ends only when somebody unlinks it. The numbered clauses
 * are the specification; `queueConformance` of the test kit holds one test per clause.
 *
 * - Q1 Whole messages: what is received is byte-for-byte one `send`, 0..maxMessageBytes long.
 * - Q2 Exactly one: with many senders and receivers, in many processes, each message goes to one receiver.
 * - Q3 Priority and order: the highest priority comes first; within a priority the order of acceptance
 *   holds, also across concurrent `send`s of one handle.
 * - Q4 Ownership: the caller may reuse a buffer once `send` resolves or `trySend` returns true;
 *   a received message belongs to the receiver for ever.
 * - Q5 Backpressure: while the queue is full `trySend` returns false and `send` waits; memory stays bounded.
 * - Q6 Waiting: an empty queue makes `receive` wait until a message comes from any process; those who wait
 *   on one handle are served in their order. `receiveSync` and `sendSync` wait by blocking the thread.
 * - Q7 Giving up: an abort is honoured only while waiting and rejects with `signal.reason`; `timeoutMs` runs on
 *   the monotonic clock and ends in `false` or `undefined`. The message was sent whole or not at all,
 *   none is taken out and lost, and the queue stays usable.
 * - Q8 Batches: `sendMany`, `trySendMany` and `drain` keep Q1–Q7; what `drain` hands out is owned. A handler that
 *   throws has consumed its message; those after it stay.
 * - Q9 Bad messages: too large is ERR_IPC_TOO_LARGE, a priority out of range a RangeError, what is not a Uint8Array
 *   a TypeError; the queue stays usable.
 * - Q10 Attributes: limits and the number of messages are read from the queue itself, never remembered.
 * - Q11 Close: calls that wait and every later call fail with ERR_IPC_CLOSED; messages stay in the queue.
 *   Closing twice is fine.
 * - Q12 Unlink: the name is free at once. What becomes of those who have the queue open is `traits.unlink`.
 * - Q13 Survival: messages outlive every process that has the queue open, as far as `traits.survives` says.
 * - Q14 Death: a process killed at any instant leaves the queue usable by all others, each message in it whole
 *   or not at all.
 * - Q15 No residue: a queue keeps the process alive only while something waits on it.
 * - Q16 Leases, where `traits.leases`: a message received with `leaseMs` is received again when its receiver dies (at once), closes,
 *   releases it, or does not acknowledge it in time; and becomes a dead letter after `maxAttempts` of that. Nothing is
 *   lost; what was handled but not acknowledged is handled twice, and `attempt` says so.
 *
 * What a durable or a distributed engine finds here: docs/decisions/0007-queues-to-come.md.
 */

/** Options of the calls that send. */
export interface QueueSendOptions {
  /** 0..traits.maxPriority; higher comes out first. @default 0 */
  readonly priority?: number | undefined;
  /** Nobody receives it before so many milliseconds have passed. Where `traits.leases`. @default 0 */
  readonly delayMs?: number | undefined;
  /** It is dropped, and counted, when nobody has received it after so many milliseconds. Where `traits.leases`. @default for ever */
  readonly ttlMs?: number | undefined;
}

/** Options of the calls that wait on the event loop. A time limit is `AbortSignal.timeout(ms)`. */
export interface QueueWaitOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of the calls that block the thread. */
export interface QueueBlockOptions {
  /** How long to wait at most, in milliseconds; fractions count. @default for ever */
  readonly timeoutMs?: number | undefined;
}

/** Asks for a lease. Where `traits.leases`. */
export interface QueueLeaseOptions {
  /** How long the receiver may take, in milliseconds; after that the message is received again. */
  readonly leaseMs: number;
}

/** What a queue hands out. */
export interface QueueMessage {
  readonly bytes: Uint8Array;
  readonly priority: number;
}

/**
 * A message that stays in the queue, hidden, until its receiver says what became of it (Q16). All calls return
 * false, and do nothing, when the lease is over.
 */
export interface LeasedMessage extends QueueMessage {
  /** How often it was leased, this time included: above 1 it may have been handled before. */
  readonly attempt: number;
  /** It was handled: removes it for good. */
  acknowledge(): boolean;
  /** It was not: somebody may receive it again, after `delayMs`. */
  release(options?: { readonly delayMs?: number | undefined }): boolean;
  /** Lets the lease end `leaseMs` from now. */
  extend(leaseMs: number): boolean;
}

/** What a queue is right now, read from the queue itself (Q10). */
export interface QueueAttributes {
  /** Messages it holds at most; Infinity where only bytes are limited. */
  readonly maxMessages: number;
  /** Bytes of payload one message has at most. */
  readonly maxMessageBytes: number;
  /** Messages in it. */
  readonly messages: number;
}

/** Facts a caller may rely on; the conformance suite reads them to choose its tests. */
export interface QueueTraits {
  readonly maxPriority: number;
  /** How long messages live without anyone who has the queue open: until reboot, or not at all. */
  readonly survives: 'processes' | 'nothing';
  /** Whether those who have an unlinked queue open go on using it, or fail with ERR_IPC_NOT_FOUND. */
  readonly unlink: 'keeps-open' | 'ends-all';
  /** Whether it knows leases, delays and times to live; asking another one for them is ERR_IPC_UNSUPPORTED. */
  readonly leases: boolean;
}

/** Many senders, many receivers, each message to exactly one. */
export interface Queue extends Disposable {
  /** The name it was opened by; undefined for an anonymous one. */
  readonly name: string | undefined;
  readonly traits: QueueTraits;
  /** Waits for room, then puts one message in (Q1–Q7). Resolved means stored. */
  send(message: Uint8Array, options?: QueueSendOptions & QueueWaitOptions): Promise<void>;
  /** Puts it in now, or returns false where `send` would wait. */
  trySend(message: Uint8Array, options?: QueueSendOptions): boolean;
  /** As `send`, BLOCKING the thread; false once `timeoutMs` is over. */
  sendSync(message: Uint8Array, options?: QueueSendOptions & QueueBlockOptions): boolean;
  /** Sends all, in order; on abort a first part of them has been sent. */
  sendMany(messages: readonly Uint8Array[], options?: QueueSendOptions & QueueWaitOptions): Promise<void>;
  /** Sends from the first on what there is room for now; returns how many. */
  trySendMany(messages: readonly Uint8Array[], options?: QueueSendOptions): number;
  /** The first message; waits while there is none. */
  receive(options: QueueLeaseOptions & QueueWaitOptions): Promise<LeasedMessage>;
  receive(options?: QueueWaitOptions): Promise<QueueMessage>;
  /** The first message if there is one. */
  tryReceive(options: QueueLeaseOptions): LeasedMessage | undefined;
  tryReceive(): QueueMessage | undefined;
  /** As `receive`, BLOCKING the thread; `undefined` once `timeoutMs` is over. */
  receiveSync(options: QueueLeaseOptions & QueueBlockOptions): LeasedMessage | undefined;
  receiveSync(options?: QueueBlockOptions): QueueMessage | undefined;
  /** Calls `handler` for each message that is here, at most `limit`; returns how many. */
  drain(handler: (message: QueueMessage) => void, limit?: number): number;
  attributes(): QueueAttributes;
  /** Lets go of the queue; it and its messages stay (Q11). */
  close(): void;
  /** Removes the name (Q12). Returns false when somebody else did already. */
  unlink(): boolean;
  /** Receives for ever; leaving the loop leaves the queue open. */
  [Symbol.asyncIterator](): AsyncIterator<QueueMessage, undefined>;
}
