import type { Scenario } from './explore.ts';
import type { Edit } from './source.ts';

/** A small change of the source that breaks it. */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The smallest scenario in which it shows. */
  readonly scenario: Scenario;
}

/** @param scenario - Makes the scenario in which it shows out of the changed source. */
export function mutant(
  name: string,
  file: string,
  from: string,
  to: string,
  scenario: (edits: readonly Edit[]) => Scenario,
): Mutant {
  const edits = [{ file, from, to }];
  return { name, edits, scenario: scenario(edits) };
}
