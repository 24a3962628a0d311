/** What will be measured, in which order. */
import type { Workload } from './pace.ts';
import type { CpuPair } from './placement.ts';
import type { Placement, Scenario } from './scenario.ts';
import type { Subject } from './subject.ts';

/** A subject and all cells that a pair of its processes measures. */
export interface PlannedPair {
  readonly subject: Subject;
  readonly subjectModule: string;
  readonly cells: readonly PlannedCell[];
}

export interface PlannedCell {
  readonly scenario: Scenario;
  /** 0 for a lock. */
  readonly messageBytes: number;
  readonly placement: Placement;
  readonly cpus: CpuPair;
}

/** How much is left out because it says least: see `keeps`. */
export type Depth = 'quick' | 'default' | 'full';

export interface PlanOptions {
  readonly subjects: readonly { readonly module: string; readonly subject: Subject }[];
  readonly scenarios: readonly Scenario[];
  /** Which every subject of their kind is measured by, whether it names them or not. */
  readonly ownScenarios?: readonly Scenario[];
  readonly messageBytes: readonly number[];
  readonly placements: ReadonlyMap<Placement, CpuPair>;
  readonly depth: Depth;
}

/** Subject by subject; within one, placement by placement, size by size and scenario by scenario. */
export function plan({
  subjects,
  scenarios,
  ownScenarios = [],
  messageBytes,
  placements,
  depth,
}: PlanOptions): PlannedPair[] {
  return subjects.flatMap(({ module, subject }) => {
    const named = scenarios.filter(({ id }) => subject.scenarios.includes(id));
    const fitting = [...named, ...ownScenarios].filter(({ kind }) => kind === subject.kind);
    const sizes = subject.kind === 'lock' ? [0] : messageBytes;
    const cells: PlannedCell[] = [];
    for (const [placement, cpus] of placements) {
      for (const bytes of sizes) {
        for (const scenario of fitting) {
          const cell = { scenario, messageBytes: bytes, placement, cpus };
          const onlyPlacement = placements.size === 1;
          if (scenario.placements?.includes(placement) === false) continue;
          if (keeps(depth, cell, sizes[0] === bytes, onlyPlacement)) cells.push(cell);
        }
      }
    }
    return cells.length === 0 ? [] : [{ subject, subjectModule: module, cells }];
  });
}

/**
 * Whether a cell is worth its time. The first size is always measured, in every placement; beyond it a default run
 * has no batches of large messages, which are no batches, polls with small ones only, and on one core has neither, and
 * beside the first size only 64 KiB; a quick one has neither batches nor polling nor other sizes on one core.
 */
function keeps(
  depth: Depth,
  { scenario, messageBytes, placement }: PlannedCell,
  isFirstSize: boolean,
  isOnlyPlacement: boolean,
): boolean {
  if (depth === 'full') return true;
  if (scenario.inDepth === 'full') return false;
  if (depth === 'quick') {
    if (scenario.inDepth === 'default') return false;
    return isFirstSize || isOnlyPlacement || placement === 'cross-core';
  }
  if (placement === 'same-core' && !isOnlyPlacement && scenario.inDepth === 'default') return false;
  if (isFirstSize) return true;
  if (scenario.mostBytes !== undefined && messageBytes > scenario.mostBytes) return false;
  return isOnlyPlacement || placement === 'cross-core' || messageBytes === 64 << 10;
}

/** How much there is to do in `repeats` of it, with fresh processes for each or the same for all. */
export function workload(pairs: readonly PlannedPair[], repeats: number, fresh: boolean): Workload {
  const times = fresh ? repeats : 1;
  const sum = (count: (pair: PlannedPair) => number): number =>
    pairs.reduce((total, pair) => total + count(pair), 0);
  return {
    pairs: pairs.length * times,
    warmUps:
      sum(({ cells }) => new Set(cells.map(({ scenario: { id, warmedBy } }) => warmedBy ?? id)).size) * times,
    cells: sum(({ cells }) => cells.length) * repeats,
  };
}
