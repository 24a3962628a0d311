/**
 * Order of fair locks: first come, first served. Whoever has tried, failed and begins to sleep stands in line; who calls from then on must
 * not have the lock before it, unless it dies.
 *
 * That is what Lamport calls first come, first served, its doorway being the way to the end of the first attempt that was announced:
 * "A New Solution of Dijkstra's Concurrent Programming Problem", 1974.
 */
import { touches } from '../footprint.ts';
import { party } from '../party.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import { heldAt, slotsAt, slotWords } from './lock-source.ts';

/** Part of the record of a scenario. */
export interface Line {
  /** Who stands in line. */
  readonly standing: readonly number[];
  /** For each party: who stood there when it called, and has not been served. */
  readonly ahead: readonly (readonly number[])[];
}

interface LineRecord {
  readonly line: Line;
}

export function emptyLine(parties: number): Line {
  return { standing: [], ahead: Array.from({ length: parties }, () => []) };
}

/** A lock that asks whom to watch when an attempt has failed that was announced. */
interface Watcher {
  watched(): readonly number[];
}

/** Notes when this party comes to stand in line. */
export function noteStanding(lock: object): void {
  const watcher = lock as Watcher;
  const watched = watcher.watched.bind(lock);
  const { index } = party();
  watcher.watched = () => {
    change(({ standing, ahead }) => ({
      standing: standing.includes(index) ? standing : [...standing, index].sort(),
      ahead,
    }));
    return watched();
  };
}

/** This party calls: a step of its own, so that it may come after any step of the others. */
export function call(): void {
  const { index } = party();
  party().step({
    name: 'calls',
    make: (world) => {
      const { line } = world.record as unknown as LineRecord;
      world.record = { ...world.record, line: { ...line, ahead: line.ahead.with(index, line.standing) } };
    },
  });
}

/** This party has got the lock. @param mayShare - Whether another party that was before it may have got it by now, but not said so yet. */
export function served(mayShare: (world: World, other: number) => boolean = () => false): void {
  const { index } = party();
  change(({ standing, ahead }, world) => {
    for (const other of ahead[index] ?? []) {
      if (!mayShare(world, other))
        throw new Violation(`${index} came after ${other}, and is served before it`);
    }
    return { standing, ahead: ahead.with(index, []) };
  });
  change((line) => without(line, index));
}

/** Whether a participant's slot says that it holds something. */
export function holdsSome({ memory }: World, other: number): boolean {
  const word = slotsAt + other * slotWords + heldAt;
  touches(word, 'reads');
  return memory[word] !== 0;
}

/** Who is dead, or served, holds nobody up. */
export function without({ standing, ahead }: Line, index: number): Line {
  const others = (all: readonly number[]): readonly number[] => all.filter((other) => other !== index);
  return { standing: others(standing), ahead: ahead.map(others) };
}

function change(make: (line: Line, world: World) => Line): void {
  party().along((world) => {
    const { line } = world.record as unknown as LineRecord;
    world.record = { ...world.record, line: make(line, world) };
  });
}
