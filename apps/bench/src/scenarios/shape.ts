/** What scenarios between the two ends of a line have in common. */
import { DamagedMessage } from '../message-format.ts';
import type { CellRequest, Line, MessageScenario, Sample } from '../scenario.ts';

/** What one side does. */
export type Part = <T>(line: Line<T>, request: CellRequest) => Promise<Sample>;

/** The leader does its part, and each follower another. */
export function parts(leader: Part, follower: Part): MessageScenario['run'] {
  return (role, line, request) => (role === 'leader' ? leader(line, request) : follower(line, request));
}

/** For one with 1, 2, … others: as many as there are, so left to the scheduler, and nothing in C to set beside. */
export const crowd: Pick<
  MessageScenario,
  'placements' | 'inDepth' | 'followers' | 'sizes' | 'floorScenario'
> = {
  placements: ['unpinned'],
  inDepth: 'chosen',
  followers: { chosen: [1, 4], full: [1, 2, 4, 8] },
  sizes: { quick: [] },
  floorScenario: () => undefined,
};

/**
 * What was received, unless that was the end.
 *
 * @throws {DamagedMessage} More was to come.
 */
export function arrived<T>(message: T | undefined, messageBytes: number, sequence: number): T {
  if (message === undefined) throw new DamagedMessage(sequence, messageBytes, 'the channel has ended');
  return message;
}

/** @throws {Error} One side has done something more often than the other. */
export function checkTotals(one: Sample, did: string, other: Sample, had: string): void {
  if (one.total !== other.total) throw new Error(`${one.total} ${did} and ${other.total} ${had}`);
}

/** How much was counted in a second; 0 where no time went by. */
export function perSecond({ count = 0, elapsedNs = 0 }: Sample): number {
  return elapsedNs <= 0 ? 0 : (count * 1e9) / elapsedNs;
}
