/** What will be measured, in which order. */
import { atDepth, isInDepth, type Depth } from './depth.ts';
import type { Workload } from './pace.ts';
import type { CpuPair } from './placement.ts';
import { pathsOf, type PlannedCell, type PlannedCrew } from './planned.ts';
import type { Placement, Scenario } from './scenario.ts';
import type { Subject } from './subject.ts';

export interface PlanOptions {
  readonly subjects: readonly { readonly module: string; readonly subject: Subject }[];
  readonly scenarios: readonly Scenario[];
  /** They were asked for: none is left out because of the depth. @default false */
  readonly areScenariosChosen?: boolean;
  /** Which every subject of their kind is measured by, whether it names them or not. */
  readonly ownScenarios?: readonly Scenario[];
  readonly messageBytes: readonly number[];
  /** They were asked for: nothing is left out because of its size. @default false */
  readonly areSizesChosen?: boolean;
  readonly placements: ReadonlyMap<Placement, CpuPair | undefined>;
  /** How much is left out because it says least. */
  readonly depth: Depth;
}

/** Subject by subject and crew by crew; within one, placement by placement, size by size and scenario by scenario. */
export function plan({
  subjects,
  scenarios,
  areScenariosChosen = false,
  ownScenarios = [],
  messageBytes,
  areSizesChosen = false,
  placements,
  depth,
}: PlanOptions): PlannedCrew[] {
  return subjects.flatMap(({ module, subject }) => {
    const named = scenarios.filter(({ id }) => subject.scenarios.includes(id));
    const own = ownScenarios.filter(({ kind }) => kind === subject.kind);
    const fitting = [...named, ...own].filter((scenario) => areScenariosChosen || isInDepth(scenario, depth));
    const crews = [...new Set(fitting.flatMap((scenario) => followersOf(scenario, depth)))].sort(
      (a, b) => a - b,
    );
    return crews.flatMap((followers) => {
      const suitable = fitting.filter((scenario) => followersOf(scenario, depth).includes(followers));
      const cells = cellsOf(suitable, subject, { messageBytes, areSizesChosen, placements, depth });
      return cells.length === 0 ? [] : [{ subject, subjectModule: module, followers, cells }];
    });
  });
}

function followersOf({ followers }: Scenario, depth: Depth): readonly number[] {
  return followers?.[depth === 'full' ? 'full' : 'chosen'] ?? [1];
}

function cellsOf(scenarios: readonly Scenario[], subject: Subject, options: CellOptions): PlannedCell[] {
  const { messageBytes, placements } = options;
  const cells: PlannedCell[] = [];
  for (const [placement, cpus] of placements) {
    for (const bytes of subject.kind === 'messages' ? messageBytes : [0]) {
      const isFirstSize = subject.kind !== 'messages' || bytes === messageBytes[0];
      for (const scenario of scenarios) {
        const isBare = scenario.kind === 'transport';
        if (isBare && !isFirstSize) continue;
        const place = { scenario, messageBytes: isBare ? 0 : bytes, placement, cpus };
        if (!isPlaced(place, subject, options)) continue;
        if (!isFirstSize && !isSized(place, subject, options)) continue;
        cells.push(place);
      }
    }
  }
  return cells;
}

type CellOptions = Pick<PlanOptions, 'messageBytes' | 'areSizesChosen' | 'placements' | 'depth'>;

const pinned: readonly Placement[] = ['cross-core', 'same-core'];

/**
 * Whether it is measured there. Pinned both ways, and in a full run everywhere; but what polls, what is measured in
 * depth only, and rivals where there is another core, are not measured on one.
 */
function isPlaced(
  { scenario, placement }: PlannedCell,
  subject: Subject,
  { depth, placements }: CellOptions,
): boolean {
  const suitable = scenario.placements ?? (depth === 'full' ? undefined : pinned);
  if (suitable?.includes(placement) === false) return false;
  if (placement !== 'same-core') return true;
  if (subject.kind === 'messages' && subject.polls === true) return false;
  if (depth === 'full' || !placements.has('cross-core')) return true;
  return scenario.inDepth === undefined && !isRival(subject);
}

/** Larger ones are for streaming between cores. */
const mostBytesEverywhere = 64 << 10;
/** Rivals take seconds for larger ones. */
const mostBytesOfRivals = 1 << 20;

/** Whether a size beside the first is measured, too. Unless subjects or sizes were chosen: across cores. */
function isSized(place: PlannedCell, subject: Subject, options: CellOptions): boolean {
  const { scenario, messageBytes, placement } = place;
  const { areSizesChosen = false, depth } = options;
  const isMain = isMainPlace(place, options);
  if (!isMain && (placement !== 'same-core' || depth === 'quick')) return false;
  if (areSizesChosen) return true;
  if (!isMain && depth !== 'chosen') return false;
  if (atDepth(scenario.sizes, depth)?.includes(messageBytes) === false) return false;
  if (isRival(subject)) return isMain && messageBytes <= mostBytesOfRivals;
  return isMain || messageBytes <= mostBytesEverywhere;
}

/** Across cores, where there are two. */
function isMainPlace({ scenario, placement }: PlannedCell, { placements }: CellOptions): boolean {
  return (
    placement === 'cross-core' ||
    !placements.has('cross-core') ||
    scenario.placements?.includes(placement) === true
  );
}

function isRival({ id }: Subject): boolean {
  return id.startsWith('peer.');
}

/** How much there is to do in so many repeats, each in new processes. */
export function workload(crews: readonly PlannedCrew[], repeats: number): Workload {
  const cells = crews.flatMap((crew) => crew.cells);
  return {
    crews: repeats * crews.length,
    warmUps: repeats * crews.reduce((sum, crew) => sum + pathsOf(crew.cells).length, 0),
    cells: new Map(cells.map((cell) => [cell, repeats])),
  };
}
