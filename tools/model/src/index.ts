/** A model checker for the shipped source. Private to this repository; docs/model.md tells how it works. */
export { explore } from './explore.ts';
export type { Exploration, Scenario } from './explore.ts';
export { ring } from './scenarios/ring.ts';
export type { RingStyle } from './scenarios/ring.ts';
export type { Edit } from './source.ts';
export { mutex } from './scenarios/mutex.ts';
export type { MutexShape, Spelling } from './scenarios/mutex.ts';
export { semaphore } from './scenarios/semaphore.ts';
export type { SemaphoreParty, SemaphoreShape } from './scenarios/semaphore.ts';
export { mutants } from './mutants.ts';
export type { Mutant } from './mutants.ts';
export { plan } from './plan.ts';
export type { Planned } from './plan.ts';
