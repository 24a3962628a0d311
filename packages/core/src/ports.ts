/**
 * What a mechanism has to provide; everything else about a channel is written once.
 *
 * A port moves whole messages without ever waiting. {@link SendHalf} and {@link ReceiveHalf}
 * turn ports into the contract of `channel.ts`: order, waiting, abort, batches, close.
 * A port never throws for a condition of the peer: it reports it by `fail` or `end`.
 */
import type { IpcError } from './errors.ts';

/** What a {@link SendPort} tells its half. */
export interface SendEvents {
  /** A push may succeed again, or the last pending byte has left. */
  room(): void;
  /** Sending is over: the peer is gone. */
  fail(error: IpcError): void;
  /** The peer has taken everything that was pushed before one more {@link SendPort.ask}, in the order of asking. */
  received(): void;
  /** Of everything that was asked for so far nobody will ever know. */
  unanswered(error: IpcError): void;
}

export interface SendPort {
  readonly maxMessageBytes: number;
  /** Bytes accepted that have not left this process yet; 0 only when there is nothing, an empty message included. */
  readonly pendingBytes: number;
  /** Called once, before anything else. */
  attach(events: SendEvents): void;
  /**
   * Takes one message whole, copying it, or returns false while there is no room. It need not be visible before `publish`.
   * Throws when this one message cannot be sent, though others can.
   */
  push(message: Uint8Array): boolean;
  /** As `push` for each from index `from` up to `to`, as many as there is room for; returns how many. Optional: where it is quicker. */
  pushMany?(messages: readonly Uint8Array[], from: number, to: number): number;
  /** Makes everything pushed visible to the peer, at the latest when this turn's callbacks have run. */
  publish(): void;
  /** Whether anybody waits for `room`. */
  awaitRoom(on: boolean): void;
  /** Asks the peer to say when it has taken everything pushed so far. `undefined` where it could not say. */
  readonly ask?: (() => void) | undefined;
  /**
   * Tells the peer, behind everything pushed, that nothing follows, though this side goes on receiving; may add to `pendingBytes`.
   * `finish` may follow, an `ask` as well. `undefined` where it could not say.
   */
  readonly end?: (() => void) | undefined;
  /** Tells the peer, behind everything pushed, that this is the clean end; may add to `pendingBytes`. */
  finish(): void;
  /** Gives up every resource. Idempotent. */
  release(): void;
}

/** Why no further message will come: without an error, the peer has closed. */
export interface End {
  readonly error?: IpcError;
}

/** What a {@link ReceivePort} tells its half. */
export interface ReceiveEvents {
  /** There may be a message, or an end. */
  ready(): void;
}

export interface ReceivePort {
  /** Set once nothing will come behind what is already here. */
  readonly end: End | undefined;
  /** The peer sends nothing more, and all it has sent was taken; it may live and receive, so that `end` may follow. */
  readonly ended?: boolean;
  /** As of `Receiver`. Optional: where a message may come in parts. */
  readonly partialBytes?: number;
  /** Called once, before anything else. */
  attach(events: ReceiveEvents): void;
  /**
   * Takes the next message out, in memory of its own; `undefined` when none is here. A patient caller goes on to wait
   * for `ready`: a source that was found empty since the last `ready` need not be asked again for it.
   */
  pull(patient?: boolean): Uint8Array | undefined;
  /**
   * Whether a patient `pull` would bring a message, which stays where it is. Needed of a port whose peer is told what was
   * taken; from any other a message is pulled to see.
   */
  has?(): boolean;
  /** Hands out at most `limit` messages as borrowed views; returns how many. */
  drain(handler: (message: Uint8Array) => void, limit: number): number;
  /** Whether anybody waits for `ready`. Turning it on reports a message that slipped in meanwhile. */
  awaitMessage(on: boolean): void;
  /** Gives up every resource, dropping what is unread. Idempotent. */
  release(): void;
}
