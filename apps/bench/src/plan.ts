/** What will be measured, in which order. */
import type { Workload } from './pace.ts';
import type { CpuPair } from './placement.ts';
import type { Placement, Scenario } from './scenario.ts';
import type { Subject } from './subject.ts';

/** All cells that one pair of processes measures. */
export interface PlannedPair {
  readonly subject: Subject;
  readonly subjectModule: string;
  readonly placement: Placement;
  readonly cpus: CpuPair;
  readonly cells: readonly PlannedCell[];
}

export interface PlannedCell {
  readonly scenario: Scenario;
  /** 0 for a lock. */
  readonly messageBytes: number;
}

export interface PlanOptions {
  readonly subjects: readonly { readonly module: string; readonly subject: Subject }[];
  readonly scenarios: readonly Scenario[];
  readonly messageBytes: readonly number[];
  readonly placements: ReadonlyMap<Placement, CpuPair>;
}

/** Placement by placement and subject by subject; within one, size by size and scenario by scenario. */
export function plan({ subjects, scenarios, messageBytes, placements }: PlanOptions): PlannedPair[] {
  const pairs: PlannedPair[] = [];
  for (const [placement, cpus] of placements) {
    for (const { module, subject } of subjects) {
      const fitting = scenarios.filter(
        (scenario) =>
          scenario.kind === subject.kind &&
          subject.scenarios.includes(scenario.id) &&
          (scenario.placements?.includes(placement) ?? true),
      );
      const sizes = subject.kind === 'lock' ? [0] : messageBytes;
      const cells = sizes.flatMap((bytes) => fitting.map((scenario) => ({ scenario, messageBytes: bytes })));
      if (cells.length > 0) pairs.push({ subject, subjectModule: module, placement, cpus, cells });
    }
  }
  return pairs;
}

/** How much there is to do in `repeats` of it. */
export function workload(pairs: readonly PlannedPair[], repeats: number): Workload {
  const cells = pairs.reduce((sum, pair) => sum + pair.cells.length, 0);
  return { pairs: pairs.length * repeats, cells: cells * repeats };
}
