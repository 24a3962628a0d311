/**
 * The contract every mechanism keeps.
 *
 * A {@link Transport} turns a name into {@link Channel}s. A channel carries whole
 * messages in both directions, in order, with backpressure; a {@link Sender} and a
 * {@link Receiver} are its two halves and exist on their own where a mechanism has
 * only one (a pipe, a queue, a broadcast). The numbered clauses are the specification;
 * the test kit holds one conformance test per clause, and a mechanism is done when
 * it passes them all.
 *
 * - C1 Whole messages: what arrives is byte-for-byte one `send`, 0..maxMessageBytes long.
 * - C2 Order: each direction is first-in, first-out, also across concurrent `send`s.
 * - C3 Ownership: the caller may reuse a buffer once `send` resolves or `trySend`
 *   returns true; a message from `receive` or `tryReceive` belongs to the receiver for ever.
 * - C4 Backpressure: while the peer does not read, `send` stays pending and
 *   `trySend` returns false; memory stays bounded.
 * - C5 Clean end: after the peer's `close`, `receive` drains, then resolves `undefined`;
 *   sending rejects with ERR_IPC_PEER_GONE.
 * - C6 Local close: what was sent is flushed; afterwards every call fails with
 *   ERR_IPC_CLOSED, also the receives that were waiting; closing twice is fine.
 * - C7 Peer death: `receive` drains, then rejects with ERR_IPC_PEER_GONE, and so does `send`.
 * - C8 Abort: honoured only while waiting; rejects with `signal.reason`; the message
 *   was sent whole or not at all, and the channel stays usable.
 * - C9 Oversize: fails with ERR_IPC_TOO_LARGE; the channel stays usable.
 * - C10 Names: one listener per name (ERR_IPC_EXISTS); no listener is ERR_IPC_NOT_FOUND;
 *   a name left by a dead process is reclaimed.
 * - C11 Iteration: leaving `for await` early leaves the channel open.
 * - C12 No residue: after close no handle keeps the process alive and no name is left.
 * - C13 Batches: `sendMany`, `trySendMany` and `drain` keep C1–C9; what `drain` hands out is
 *   borrowed, valid until the handler returns. A handler that throws has consumed its
 *   message; those after it stay.
 * - C14 Delivery: `flush` resolves no earlier than what was sent before has come as far as it was
 *   asked for, and rejects when it never will, or nobody could tell.
 * - C15 Half-close, where `traits.halfClose`: after `end` what was sent is flushed, sending fails with ERR_IPC_CLOSED, and
 *   receiving goes on; the peer drains, then `receive` resolves `undefined` whatever happens later, and its sends still arrive.
 *   Its close (C5) and its death (C7) are noticed by sending and by `closed`. Elsewhere `end` rejects with ERR_IPC_UNSUPPORTED.
 */

/** Passed last to every call that may wait. A time limit is `AbortSignal.timeout(ms)`. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * How far messages have come.
 *
 * - `queued`: none waits for room any more; they are in this process still.
 * - `kernel`: they have left this process, for the kernel or shared memory, and survive its death.
 * - `received`: the peer has taken them, by `receive`, `tryReceive` or `drain`. Two-way channels of frames can tell.
 */
export type Delivery = 'queued' | 'kernel' | 'received';

export interface FlushOptions extends WaitOptions {
  /** @default 'kernel' */
  readonly delivery?: Delivery | undefined;
  /**
   * Of `kernel`: the low watermark. It is enough when no more than so many bytes are in this process still. Who asked first is
   * told first. @default 0, and nothing waits
   */
  readonly lowWaterBytes?: number | undefined;
}

/** What both halves, channels and listeners share. */
export interface Closable extends AsyncDisposable {
  /**
   * Flushes what was sent, tells the peer, releases every resource. Unread messages are dropped.
   * Aborting gives up on flushing and releases at once; the peer then sees ERR_IPC_PEER_GONE.
   */
  close(options?: WaitOptions): Promise<void>;
  /** Settles when this is over: `undefined` after a local close, else why it ended. Never rejects. */
  readonly closed: Promise<Error | undefined>;
}

/** Sends whole messages, one way. */
export interface Sender<T = Uint8Array> extends Closable {
  /**
   * Bytes that are in this process still: of sends that wait, and of what was accepted and has not left. What the mechanism
   * adds (headers) counts where it is there already. A producer that does not await its sends pauses over a high
   * watermark of its own, and goes on after `flush({ lowWaterBytes })`.
   */
  readonly bufferedBytes: number;
  /** Waits for room, then sends one whole message (C1–C4). Resolved means accepted, not yet received. */
  send(message: T, options?: WaitOptions): Promise<void>;
  /** Sends now, or returns false where `send` would wait. Throws where `send` would reject. */
  trySend(message: T): boolean;
  /** Sends all, in order, as one batch; on abort a first part of them has been sent. */
  sendMany(messages: readonly T[], options?: WaitOptions): Promise<void>;
  /** Sends from index `from` what there is room for now; returns how many were sent. One system call or atomic store for all. */
  trySendMany(messages: readonly T[], from?: number): number;
  /**
   * Resolves once everything sent so far has come as far as `delivery` says, by default out of this process. What is sent
   * meanwhile may be waited for as well. Rejects with ERR_IPC_PEER_GONE when the peer dies or closes first, with
   * ERR_IPC_CLOSED when this end closes, and with ERR_IPC_UNSUPPORTED where the peer cannot say what it has received.
   */
  flush(options?: FlushOptions): Promise<void>;
}

/** Receives whole messages, one way. Iterating receives until the clean end. */
export interface Receiver<T = Uint8Array> extends Closable, AsyncIterable<T> {
  /**
   * Bytes that have come of the next message, which is not whole yet; 0 otherwise, and where messages come whole. It
   * grows while a long one is on its way and somebody waits for it: the sign of life of its sender.
   */
  readonly partialBytes: number;
  /** The next message, or `undefined` once the peer has closed and all was read (C5). */
  receive(options?: WaitOptions): Promise<T | undefined>;
  /** The next message if one is here. Never waits; `undefined` says nothing about the end. */
  tryReceive(): T | undefined;
  /**
   * Resolves once `receive` would not have to wait: a message is here, or the end (C5, C7). Consumes nothing, though the
   * message may be in this process from then on. For waiting on several at once, see `waitAny`.
   */
  ready(options?: WaitOptions): Promise<void>;
  /** Calls `handler` for each message that is here, at most `limit`; returns how many. See C13 for what may be kept. */
  drain(handler: (message: T) => void, limit?: number): number;
}

/** One end of a two-way connection. */
export interface Channel<T = Uint8Array> extends Sender<T>, Receiver<T> {
  /**
   * Ends this direction and leaves the other (C15): flushes what was sent and tells the peer that nothing follows. Resolves when that
   * has left this process. Aborted before the peer was told it is as if never asked (C8). Ending twice is fine; only `close` releases
   * anything. Rejects with ERR_IPC_UNSUPPORTED where `traits.halfClose` is false, ERR_IPC_CLOSED after `close`, ERR_IPC_PEER_GONE.
   */
  end(options?: WaitOptions): Promise<void>;
}

/** Accepts channels on a name until closed. Iterating accepts for ever. */
export interface Listener extends Closable, AsyncIterable<Channel> {
  readonly name: string;
  accept(options?: WaitOptions): Promise<Channel>;
}

/** Facts a caller may rely on; the conformance suite reads them to choose its tests. */
export interface Traits {
  readonly maxMessageBytes: number;
  /** How many channels one listener yields in its life. */
  readonly peers: 'one' | 'many';
  /** How the end of a killed peer is noticed: at once, by the kernel, or never (one process). */
  readonly peerDeath: 'kernel' | 'never';
  /** Whether a channel can `end` one direction and leave the other. */
  readonly halfClose: boolean;
  /** Whether the two ends may be in different processes. */
  readonly scope: 'machine' | 'process' | 'network';
}

/** A mechanism with its options bound, e.g. `unix({ backlog: 128 })`. */
export interface Transport {
  /** `package.mechanism`, e.g. `socket.unix`; the name used by the bench. */
  readonly id: string;
  readonly traits: Traits;
  /** @throws {IpcError} ERR_IPC_EXISTS when a live process listens on `name`. */
  listen(name: string, options?: WaitOptions): Promise<Listener>;
  /** @throws {IpcError} ERR_IPC_NOT_FOUND when nobody listens on `name`. */
  connect(name: string, options?: WaitOptions): Promise<Channel>;
}
