/**
 * How a subject is measured: what the leader and the follower do with it, at the same time.
 *
 * Each scenario states the question that its table answers.
 */
import type { MessageFormat } from './message-format.ts';
import type { GuardedCounter, Link, Role } from './subject.ts';

export type Placement = 'cross-core' | 'same-core';

/** One measurement, as both processes get it. */
export interface CellRequest {
  readonly messageBytes: number;
  /** Not measured: caches, buffers and the compiler settle. */
  readonly warmUpNs: number;
  /** Measured, roughly; exactly as long as it takes from the first to the last message. */
  readonly durationNs: number;
  /** Sent even when time is up, unless that takes longer than {@link CellRequest.mostNs}. */
  readonly leastMessages: number;
  readonly mostNs: number;
  /** When both begin to measure a lock, on the clock of `clock.ts`: the warm-up comes before. */
  readonly startNs: number;
  /** What a lock's counter stands at. */
  readonly counterBefore: number;
}

/** What one process has measured. The figures of the two are put together by `combine`. */
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
  /** The guarded counter, read after the last operation. */
  readonly counter?: number;
}

/** The figures of one repeat. */
export interface Figures {
  readonly messagesPerSecond?: number;
  readonly operationsPerSecond?: number;
  readonly latencyNs?: Float64Array;
  /** Processor time of both processes for one message or operation, warm-up included. */
  readonly cpuNsEach?: number;
  /** Memory of both processes. */
  readonly residentBytes?: number;
}

/** One end of a line, and how its messages are made and checked. */
export interface Line<T> {
  readonly link: Link<T>;
  readonly format: MessageFormat<T>;
  /** A message has left once `trySend` returns; no `flush` is needed. */
  readonly sendsAtOnce?: boolean | undefined;
}

interface ScenarioFacts {
  readonly id: string;
  /** Asked by a user, answered by the table. */
  readonly question: string;
  /** Where it makes sense; both by default. */
  readonly placements?: readonly Placement[];
  /** The least thorough run that has it. @default every run has it */
  readonly inDepth?: 'default' | 'full';
  /** A scenario that runs the same code: after it, the compiler needs no time for this one. */
  readonly warmedBy?: string;
  /** A larger message tells nothing new, and only a full run measures it. */
  readonly mostBytes?: number;
  /** The floor's scenario for this subject, or none. */
  floorScenario(floorSubject: string): string | undefined;
  /** @throws {Error} The two do not fit together: something was lost. */
  combine(leader: Sample, follower: Sample, request: CellRequest): Figures;
}

export interface MessageScenario extends ScenarioFacts {
  readonly kind: 'messages';
  run<T>(role: Role, line: Line<T>, request: CellRequest): Promise<Sample>;
}

export interface LockScenario extends ScenarioFacts {
  readonly kind: 'lock';
  run(role: Role, lock: GuardedCounter, request: CellRequest): Promise<Sample>;
}

export type Scenario = MessageScenario | LockScenario;

/** Types a scenario where it is written. */
export function defineScenario<S extends Scenario>(scenario: S): S {
  return scenario;
}
