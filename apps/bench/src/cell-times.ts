import type { CellTimes } from './crew.ts';
import type { PlannedCell } from './planned.ts';

/** The least number of round trips of all repeats together, so that their p99 can be told. */
const leastRoundTrips = 1000;

/** A mebibyte there and back takes up to three milliseconds: the three hundred of a repeat fit into this. */
const leastMostNs = 1e9;

/** Orders have arrived by then, also on a busy machine. */
const leastLeadNs = 20e6;

/** How long a cell of so many milliseconds measures what, in a run of so many repeats. */
export function cellTimes(
  { scenario, messageBytes }: PlannedCell,
  cellMs: number,
  repeats: number,
): CellTimes {
  const cellNs = cellMs * 1e6;
  return {
    leadNs: Math.max(cellNs / 3, leastLeadNs),
    warmUpNs: cellNs / 3,
    durationNs: (cellNs * 2) / 3,
    leastMessages: scenario.id.startsWith('round-trip')
      ? Math.ceil(leastRoundTrips / repeats)
      : leastOneWay(messageBytes),
    // A single look keeps to its time: where that is too short for a p99, it has none.
    mostNs: repeats === 1 ? cellNs : Math.max(4 * cellNs, leastMostNs),
  };
}

/** Enough that what the buffers on the way hold does not decide, and no fewer than four. */
function leastOneWay(messageBytes: number): number {
  return Math.max(4, Math.min(8_000, Math.floor((8 << 20) / messageBytes)));
}
