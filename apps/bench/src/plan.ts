/** What will be measured, in which order. */
import { isInDepth, type Depth } from './depth.ts';
import type { Workload } from './pace.ts';
import type { CpuPair } from './placement.ts';
import type { Placement, Scenario } from './scenario.ts';
import type { Subject } from './subject.ts';

/** A subject, and all cells that one crew of its processes measures. */
export interface PlannedCrew {
  readonly subject: Subject;
  readonly subjectModule: string;
  /** Processes beside the leader. */
  readonly followers: number;
  readonly cells: readonly PlannedCell[];
}

export interface PlannedCell {
  readonly scenario: Scenario;
  /** 0 for what has no messages. */
  readonly messageBytes: number;
  readonly placement: Placement;
  /** `undefined`: anywhere. */
  readonly cpus: CpuPair | undefined;
}

export interface PlanOptions {
  readonly subjects: readonly { readonly module: string; readonly subject: Subject }[];
  readonly scenarios: readonly Scenario[];
  /** Which every subject of their kind is measured by, whether it names them or not. */
  readonly ownScenarios?: readonly Scenario[];
  readonly messageBytes: readonly number[];
  readonly placements: ReadonlyMap<Placement, CpuPair | undefined>;
  /** How much is left out because it says least: see `keeps`. */
  readonly depth: Depth;
}

/** Subject by subject and crew by crew; within one, placement by placement, size by size and scenario by scenario. */
export function plan({
  subjects,
  scenarios,
  ownScenarios = [],
  messageBytes,
  placements,
  depth,
}: PlanOptions): PlannedCrew[] {
  return subjects.flatMap(({ module, subject }) => {
    const named = scenarios.filter(({ id }) => subject.scenarios.includes(id));
    const own = ownScenarios.filter(({ kind }) => kind === subject.kind);
    const fitting = [...named, ...own].filter((scenario) => isInDepth(scenario, depth));
    const crews = [...new Set(fitting.flatMap((scenario) => followersOf(scenario, depth)))].sort(
      (a, b) => a - b,
    );
    return crews.flatMap((followers) => {
      const suitable = fitting.filter((scenario) => followersOf(scenario, depth).includes(followers));
      const cells = cellsOf(suitable, subject, { messageBytes, placements, depth });
      return cells.length === 0 ? [] : [{ subject, subjectModule: module, followers, cells }];
    });
  });
}

function followersOf({ followers }: Scenario, depth: Depth): readonly number[] {
  return followers?.[depth === 'full' ? 'full' : 'chosen'] ?? [1];
}

function cellsOf(
  scenarios: readonly Scenario[],
  subject: Subject,
  { messageBytes, placements, depth }: Pick<PlanOptions, 'messageBytes' | 'placements' | 'depth'>,
): PlannedCell[] {
  const cells: PlannedCell[] = [];
  const isOnlyPlacement = !placements.has('cross-core');
  const polls = subject.kind === 'messages' && subject.polls === true;
  const isRival = subject.id.startsWith('peer.') && depth !== 'full';
  for (const [placement, cpus] of placements) {
    if ((polls || (isRival && !isOnlyPlacement)) && placement === 'same-core') continue;
    for (const bytes of subject.kind === 'messages' ? messageBytes : [0]) {
      for (const scenario of scenarios) {
        const isBare = scenario.kind === 'transport';
        const cell = { scenario, messageBytes: isBare ? 0 : bytes, placement, cpus };
        const isFirstSize = subject.kind !== 'messages' || bytes === messageBytes[0];
        if (isBare && !isFirstSize) continue;
        if (isRival && !isFirstSize && bytes !== rivalBytes) continue;
        if (keeps(depth, cell, isFirstSize, isOnlyPlacement)) cells.push(cell);
      }
    }
  }
  return cells;
}

/** Beside the first size, what rivals are measured with in a run that is not full. */
const rivalBytes = 64 << 10;

const pinned: readonly Placement[] = ['cross-core', 'same-core'];

/**
 * Whether a cell is worth its time. The first size is always measured; other sizes across cores only, and where the
 * scenario has something new to say about them, but in a full run all, and rivals in a full run only on one core. What is measured in depth only is not repeated
 * on one core, and other placements than the two are for the first size, or for a full run.
 */
function keeps(
  depth: Depth,
  { scenario, messageBytes, placement }: PlannedCell,
  isFirstSize: boolean,
  isOnlyPlacement: boolean,
): boolean {
  const { inDepth, placements = depth === 'full' ? undefined : pinned, sizes } = scenario;
  if (placements?.includes(placement) === false) return false;
  if (depth === 'full') return isFirstSize || pinned.includes(placement);
  const isBest = isOnlyPlacement || placement !== 'same-core';
  if (inDepth !== undefined && !isBest) return false;
  return isFirstSize || (isBest && sizes?.includes(messageBytes) !== false);
}

/** How much there is to do in `repeats` of it, with fresh processes for each or the same for all. */
export function workload(crews: readonly PlannedCrew[], repeats: number, fresh: boolean): Workload {
  const times = fresh ? repeats : 1;
  const sum = (count: (crew: PlannedCrew) => number): number =>
    crews.reduce((total, crew) => total + count(crew), 0);
  return {
    crews: crews.length * times,
    warmUps:
      sum(({ cells }) => new Set(cells.map(({ scenario: { id, warmedBy } }) => warmedBy ?? id)).size) * times,
    cells: sum(({ cells }) => cells.length) * repeats,
  };
}
