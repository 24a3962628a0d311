/** A campaign: the same fault again and again, at moments a seed decides. */
export interface Campaign {
  readonly name: string;
  /** What is done, in a few words. */
  readonly what: string;
  readonly rounds: number;
  /** Whether it goes through its rounds in an order, and can begin with a later one. @default false */
  readonly isResumable?: true;
  /** The names of what it goes through, where it can be told to leave some of it out. */
  readonly parts?: readonly string[];
  run(options: CampaignOptions): Promise<Findings>;
}

export interface CampaignOptions {
  readonly rounds: number;
  readonly random: () => number;
  /** With which round to begin, where that can be chosen. @default 1 */
  readonly from?: number;
  /** Which of its parts, where it has some. @default all */
  readonly only?: readonly string[];
  /** Is told how far it has come, where that takes long. */
  readonly onProgress?: (line: string) => void;
}

export interface Findings {
  /** The figure, for one line. */
  readonly figure: string;
  /** What must not have happened. */
  readonly violations: readonly string[];
}

/** Those of a campaign's parts that are wanted. */
export function partsOf<T extends { readonly name: string }>(
  all: readonly T[],
  only: CampaignOptions['only'],
): readonly T[] {
  return all.filter(({ name }) => only?.includes(name) ?? true);
}

/** Numbers from 0 to 1 that depend on the seed alone. Source: mulberry32, T. Ettinger. */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Half, 99 of 100, and the longest of some times, in milliseconds. */
export function times(milliseconds: readonly number[]): string {
  const sorted = milliseconds.toSorted((one, other) => one - other);
  const at = (part: number): string => (sorted[Math.floor((sorted.length - 1) * part)] ?? NaN).toFixed(2);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}
