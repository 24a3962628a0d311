/** What is to be measured, as planned, and what it is called. */
import type { CpuPair } from './placement.ts';
import type { ResultKey } from './result.ts';
import type { Placement, Scenario } from './scenario.ts';
import { formatSize } from './size.ts';
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

/**
 * The cells that run the same code with messages of one size, in the order of the plan: what the compiler, buffers and caches have to see
 * once for each crew. Not those of scenarios that need no warm-up.
 */
export function pathsOf(
  cells: readonly PlannedCell[],
): readonly (readonly [PlannedCell, ...PlannedCell[]])[] {
  const paths = new Map<string, [PlannedCell, ...PlannedCell[]]>();
  for (const cell of cells) {
    const { id, warmedBy = id, slow } = cell.scenario;
    if (slow === true) continue;
    const key = `${warmedBy} ${cell.messageBytes}`;
    const path = paths.get(key);
    if (path === undefined) paths.set(key, [cell]);
    else path.push(cell);
  }
  return [...paths.values()];
}

export function describeCrew({ subject, followers }: PlannedCrew): string {
  return followers === 1 ? subject.id : `${subject.id} with ${followers} followers`;
}

export function describeCell(crew: PlannedCrew, { scenario, messageBytes, placement }: PlannedCell): string {
  const size = messageBytes === 0 ? [] : [formatSize(messageBytes)];
  return [describeCrew(crew), placement, scenario.id, ...size].join(' ');
}

/** What identifies a cell in a report. */
export function cellFacts({
  scenario,
  messageBytes,
  placement,
}: PlannedCell): Pick<ResultKey, 'scenario' | 'messageBytes' | 'placement'> {
  return { scenario: scenario.id, messageBytes, placement };
}

/** What identifies its result. */
export function keyOf({ subject, followers }: PlannedCrew, cell: PlannedCell): ResultKey {
  const base = { subject: subject.id, ...cellFacts(cell) };
  return followers === 1 && cell.scenario.followers === undefined ? base : { ...base, followers };
}
