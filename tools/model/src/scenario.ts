import type { MemoryRules, World } from './world.ts';

/** What is explored: programs, what they share, and what must hold. */
export interface Scenario extends MemoryRules {
  readonly name: string;
  readonly parties: number;
  readonly memoryBytes: number;
  /** How many parties may die, and which. @default none */
  readonly deaths?: number;
  readonly mortals?: readonly number[];
  /** The scenario's record at the start. */
  readonly record: Readonly<Record<string, unknown>>;
  /** The program of one party: sets up, calls `party().begin()`, goes on. Run anew, from scratch, each time. */
  program(index: number): void;
  /** What the death of a party means for the record. Called with the world as it leaves it. */
  died?(world: World, index: number): void;
  /** Whether a party may rightly wait for ever, as things stand. @default never */
  mayWait?(world: World, index: number): boolean;
  /** Called when nothing can happen any more and every living party has ended. @throws what is wrong. */
  ended?(world: World): void;
}
