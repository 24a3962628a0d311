/**
 * What is measured: a mechanism between processes, or a lock or another structure shared by them.
 *
 * A subject is a module that exports `subject`. It is loaded in the leader and in each follower, which call `open`
 * once; all cells then run over what it returns. The leader sends, asks or times.
 */
import type { Transport } from '@ipc/core';
import type { InDepth } from './depth.ts';
import type { MessageFormat } from './message-format.ts';

export type Role = 'leader' | 'follower';

/** Where and as what one process of a crew runs. */
export interface Session {
  readonly role: Role;
  /** 0 for the leader; the followers are 1, 2, … */
  readonly index: number;
  /** How many processes there are beside the leader. */
  readonly followers: number;
  /** Unique on this machine, good as a name of channels and kernel objects: letters, digits, `-`. */
  readonly name: string;
  /** A private directory, removed when the crew has ended. Short enough for a socket's path. */
  readonly directory: string;
  /** What starts the follower where the leader does that: a Node program and its one argument. */
  readonly followerProgram: readonly [file: string, argument: string];
}

/** One end of a two-way connection. A `Channel` of `@ipc/core` is one. */
export interface Link<T> {
  /** False where it would have to wait. */
  trySend(message: T): boolean;
  send(message: T): Promise<void>;
  tryReceive(): T | undefined;
  /** `undefined` at the end. */
  receive(): Promise<T | undefined>;
  close(): Promise<void>;
  /** For `throughput-batched`. */
  trySendMany?(messages: readonly T[], from?: number): number;
  sendMany?(messages: readonly T[]): Promise<void>;
  drain?(handler: (message: T) => void, limit?: number): number;
  /** For `round-trip-spinning` where a sent message leaves only when the event loop turns. */
  flush?(): Promise<void>;
}

export interface MessageSubject<T = unknown> extends InDepth {
  readonly kind: 'messages';
  /** Such as `socket.unix`; the names of rivals begin with `peer.`. */
  readonly id: string;
  /** The ids of the scenarios that make sense with it. */
  readonly scenarios: readonly string[];
  /** Who starts the follower: the bench, so that they are siblings, or the leader, in `open`: there is one then. */
  readonly followerStartedBy: 'bench' | 'leader';
  readonly format: MessageFormat<T>;
  /** The id of the C floor's subject it is compared with. */
  readonly floor?: string;
  /** Whoever waits polls: on one core that keeps the other from running, so it is not measured there. @default false */
  readonly polls?: boolean;
  /** What makes its connections: for the scenarios about connecting and about a peer's death. */
  readonly transport?: Transport;
  open(session: Session): Promise<OpenLink<T>>;
  /** Removes what a killed crew may have left. Run by the bench after each crew. */
  cleanUp?(session: Pick<Session, 'name' | 'directory'>): void;
}

export interface OpenLink<T> {
  readonly link: Link<T>;
  /** Larger sizes are left out. */
  readonly maxMessageBytes?: number | undefined;
  /** A message has left once `trySend` returns: a polling peer need not turn the event loop for it. */
  readonly sendsAtOnce?: boolean | undefined;
}

/** A lock with a counter that it guards: what proves that it excludes. */
export interface GuardedCounter {
  /** Blocks the thread. */
  acquire(): { release(): void };
  /** Shared between the two processes, without atomic operations. */
  readonly counter: Int32Array;
  close(): Promise<void>;
}

export interface LockSubject extends InDepth {
  readonly kind: 'lock';
  readonly id: string;
  readonly scenarios: readonly string[];
  readonly floor?: string;
  open(session: Session): Promise<GuardedCounter>;
  cleanUp?(session: Pick<Session, 'name' | 'directory'>): void;
}

/** Something in shared memory that all processes use, in short operations of which none waits. */
export interface SharedStructure {
  /**
   * Does so many operations, each checked.
   * @throws {Error} One showed what must not be.
   */
  operate(times: number): void;
  close(): Promise<void>;
}

export interface StructureSubject extends InDepth {
  readonly kind: 'structure';
  readonly id: string;
  readonly scenarios: readonly string[];
  readonly floor?: string;
  open(session: Session): Promise<SharedStructure>;
  cleanUp?(session: Pick<Session, 'name' | 'directory'>): void;
}

export type Subject<T = unknown> = MessageSubject<T> | LockSubject | StructureSubject;

/** Types a subject where it is written. */
export function defineSubject<T>(subject: MessageSubject<T>): MessageSubject<T>;
export function defineSubject(subject: LockSubject): LockSubject;
export function defineSubject(subject: StructureSubject): StructureSubject;
export function defineSubject<T>(subject: Subject<T>): Subject<T> {
  return subject;
}
