/**
 * How thorough a run is: `quick`, `default`, `chosen` (of some subjects only, so that there is time for more of each), `full`.
 */
export type Depth = (typeof depths)[number];

const depths = ['quick', 'default', 'chosen', 'full'] as const;

/** What is left out of runs that are less thorough. */
export interface InDepth {
  /** The least thorough run that has it. @default every run has it */
  readonly inDepth?: Exclude<Depth, 'quick'>;
}

/** Whether a run of this depth has it. */
export function isInDepth({ inDepth }: InDepth, depth: Depth): boolean {
  return inDepth === undefined || depths.indexOf(inDepth) <= depths.indexOf(depth);
}

/** What is said for some depths holds for those that are more thorough, up to the next that is named. */
export function atDepth<T>(values: Readonly<Partial<Record<Depth, T>>> = {}, depth: Depth): T | undefined {
  return depths
    .slice(0, depths.indexOf(depth) + 1)
    .map((each) => values[each])
    .findLast((value) => value !== undefined);
}
