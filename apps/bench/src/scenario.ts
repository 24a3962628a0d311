/**
 * How a subject is measured: what the leader and the follower do with it, at the same time.
 *
 * Each scenario states the question that its table answers.
 */
import type { Depth, InDepth } from './depth.ts';
import type { Transport } from '@ipc/core';
import type { MessageFormat } from './message-format.ts';
import type { Victim } from './start-victim.ts';
import type { GuardedCounter, Link, Role, SharedStructure } from './subject.ts';

/**
 * Where leader and follower run: pinned to two physical cores that share their last cache, to two threads of one core,
 * to cores that share no cache (of two sockets where there are), to one and the same, or left to the scheduler.
 */
export type Placement = 'cross-core' | 'smt-sibling' | 'far-core' | 'same-core' | 'unpinned';

/** One measurement, as all processes get it. */
export interface CellRequest {
  readonly messageBytes: number;
  /** How many processes there are beside the leader. */
  readonly followers: number;
  /** Not measured: caches, buffers and the compiler settle. */
  readonly warmUpNs: number;
  /** Measured, roughly; exactly as long as it takes from the first to the last message. */
  readonly durationNs: number;
  /** Sent even when time is up, unless that takes longer than {@link CellRequest.mostNs}. */
  readonly leastMessages: number;
  readonly mostNs: number;
  /** When all begin to measure what has no first message, on the clock of `clock.ts`: the warm-up comes before. */
  readonly startNs: number;
  /** What a lock's counter stands at. */
  readonly counterBefore: number;
}

/** What one process has measured. The figures of all are put together by `combine`. */
export interface Sample {
  /** Messages or operations counted in `elapsedNs`. */
  readonly count?: number;
  readonly elapsedNs?: number;
  readonly latencyNs?: Float64Array;
  /** When each message left or arrived, on the clock of `clock.ts`. */
  readonly timesNs?: Float64Array;
  /** Processor time of the process meanwhile, warm-up included; 0 for a thread, whose process tells. */
  readonly cpuNs?: number;
  /** Memory of the process afterwards; 0 for a thread. */
  readonly residentBytes?: number;
  /** All messages sent or received, or operations done, warm-up included: what is checked in the end. */
  readonly total: number;
  /** The same by follower, where the leader talks with several. */
  readonly totals?: readonly number[];
  /** The sum of the numbers of all messages, where it takes all receivers to have each once. */
  readonly numbers?: number;
  /** The guarded counter, read after the last operation. */
  readonly counter?: number;
}

/** What the followers have measured, in their order. */
export type Followers = readonly [Sample, ...Sample[]];

/** The figures of one repeat. */
export interface Figures {
  readonly messagesPerSecond?: number;
  readonly operationsPerSecond?: number;
  readonly latencyNs?: Float64Array;
  /** Processor time of all processes for one message or operation, warm-up included. */
  readonly cpuNsEach?: number;
  /** Memory of all processes. */
  readonly residentBytes?: number;
}

/** One end of a line, and how its messages are made and checked. */
export interface Line<T> {
  /** Which process this is: 0 is the leader, the followers are 1, 2, … */
  readonly index: number;
  readonly link: Link<T>;
  readonly format: MessageFormat<T>;
  /** A message has left once `trySend` returns; no `flush` is needed. */
  readonly sendsAtOnce?: boolean | undefined;
}

interface ScenarioFacts extends InDepth {
  readonly id: string;
  /** Asked by a user, answered by the table. */
  readonly question: string;
  /** Where it makes sense; by default pinned both ways, and in a full run unpinned as well. */
  readonly placements?: readonly Placement[];
  /** How many processes beside the leader: a crew for each. @default one */
  readonly followers?: Readonly<Record<'chosen' | 'full', readonly number[]>>;
  /** A scenario that runs the same code: after it, the compiler needs no time for this one. */
  readonly warmedBy?: string;
  /** Other sizes than the first that say something new, from which depth on. @default all */
  readonly sizes?: Readonly<Partial<Record<Depth, readonly number[]>>>;
  /** It takes its time whatever it is given, as it starts processes: it is not rehearsed. */
  readonly slow?: boolean;
  /** The floor's scenario for this subject, or none; where the floor has no such thing for it, there is none either. */
  floorScenario(floorSubject: string): string | undefined;
  /** @throws {Error} They do not fit together: something was lost. */
  combine(leader: Sample, followers: Followers, request: CellRequest): Figures;
}

export interface MessageScenario extends ScenarioFacts {
  readonly kind: 'messages';
  run<T>(role: Role, line: Line<T>, request: CellRequest): Promise<Sample>;
}

export interface LockScenario extends ScenarioFacts {
  readonly kind: 'lock';
  /** @param victim - Starts a process that takes the lock and keeps it, until it is killed. */
  run(role: Role, lock: GuardedCounter, request: CellRequest, victim: () => Promise<Victim>): Promise<Sample>;
}

/** What connects and disconnects, not what goes over a connection. */
export interface TransportScenario extends ScenarioFacts {
  readonly kind: 'transport';
  run(role: Role, site: Site, request: CellRequest): Promise<Sample>;
}

/** Where connections are made. */
export interface Site {
  readonly transport: Transport;
  /** Of the crew; names of connections begin with it. */
  readonly name: string;
  /** Starts a process that connects to {@link victimName}, sends one message and waits until it is killed. */
  readonly victim: () => Promise<Victim>;
}

export interface StructureScenario extends ScenarioFacts {
  readonly kind: 'structure';
  run(role: Role, structure: SharedStructure, request: CellRequest): Promise<Sample>;
}

export type Scenario = MessageScenario | LockScenario | TransportScenario | StructureScenario;

/** Types a scenario where it is written. */
export function defineScenario<S extends Scenario>(scenario: S): S {
  return scenario;
}
