/**
 * For those who bench their own mechanism or workload: a module that exports `subject`, run by
 * `bench --subject ./my-subject.js`, or one that exports `scenario`, run by `bench --scenario ./my-scenario.js`.
 *
 * @packageDocumentation
 */
export { binaryFormat, DamagedMessage, LEAST_MESSAGE_BYTES, Mark, textFormat } from './message-format.ts';
export type { MessageFormat } from './message-format.ts';
export type { BenchReport, Failure, FloorMedians, Result, RunFacts, Skipped } from './result.ts';
export type { Environment } from './environment.ts';
export type { Limits } from './limits.ts';
export { defineScenario } from './scenario.ts';
export type {
  CellRequest,
  Figures,
  Line,
  LockScenario,
  MessageScenario,
  Placement,
  Sample,
  Scenario,
} from './scenario.ts';
export { nowNs } from './clock.ts';
export { defineSubject } from './subject.ts';
export type {
  GuardedCounter,
  Link,
  LockSubject,
  MessageSubject,
  OpenLink,
  Role,
  Session,
  Subject,
} from './subject.ts';
export { transportSubject } from './subjects/transport-subject.ts';
export type { TransportSubjectOptions } from './subjects/transport-subject.ts';
