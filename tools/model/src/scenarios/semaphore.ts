/** The semaphore whose permits return when their holder dies: never too many out, nobody sleeps beside enough free ones. */
import type { Permit, Semaphore } from '@ipc/sync';
import type { Scenario } from '../explore.ts';
import { idle, party } from '../party.ts';
import type { Edit } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import type { Spelling } from './ends.ts';
import { call, emptyLine, holdsSome, noteStanding, served, without, type Line } from './line.ts';
import { areaBytes, heldAt, lockSource, slotsAt, slotWords } from './lock-source.ts';

/** A party that takes and returns permits, or one that holds some from the start, tries once for more than there can be, and stays. */
export type SemaphoreParty = Taker | { readonly holds: number; readonly tries?: number };

interface Taker {
  readonly spelling: Spelling;
  readonly wants: number;
  readonly rounds: number;
  /** Blocking ones: has taken the first time when all begin. @default false */
  readonly begins?: true;
}

export interface SemaphoreShape {
  readonly permits: number;
  readonly parties: readonly SemaphoreParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
  /** First come, first served. @default false */
  readonly fair?: boolean;
}

interface SemaphoreRecord extends Record<string, unknown> {
  /** Permits each party has. */
  readonly held: readonly number[];
  /** Of a fair one. */
  readonly line?: Line;
}

/** The word of the permits, and those of who holds them: written plainly, beside compare-exchanges. */
export const countAt = 18;
export const isCounted = (word: number): boolean =>
  word === countAt || (word >= slotsAt && (word - slotsAt) % slotWords === heldAt);

/** @param edits - Changes of the source: none checks what is shipped. */
export function semaphore(shape: SemaphoreShape, edits: readonly Edit[] = []): Scenario {
  const { permits, parties, deaths, fair = false } = shape;
  const source = lockSource(edits);
  const describe = (each: SemaphoreParty): string =>
    'holds' in each
      ? `holder of ${each.holds}`
      : `${each.begins === true ? 'holding ' : ''}${each.spelling} ${each.wants}${each.rounds > 1 ? `×${each.rounds}` : ''}`;
  return {
    name: `${fair ? 'fair ' : ''}semaphore of ${permits}, ${parties.map(describe).join(' + ')}`,
    parties: parties.length,
    memoryBytes: areaBytes(parties.length),
    deaths,
    ...(shape.mortals === undefined ? {} : { mortals: shape.mortals }),
    races: isCounted,
    record: {
      held: parties.map(() => 0),
      ...(fair ? { line: emptyLine(parties.length) } : {}),
    } satisfies SemaphoreRecord,
    program(index) {
      const { Semaphore } = source.fresh('semaphore.ts');
      const lock = Semaphore.in(source.region(parties.length), 0, {
        permits,
        participants: parties.length,
        fair,
      });
      if (fair) noteStanding(lock);
      const each = parties[index] as SemaphoreParty;
      if ('holds' in each) {
        lock.tryAcquire(each.holds);
        changeHeld(each.holds, permits);
        party().begin();
        if (each.tries !== undefined && lock.tryAcquire(each.tries) !== undefined) {
          throw new Violation('more permits were taken than are free');
        }
        idle();
        return;
      }
      if (each.begins !== true) party().begin();
      if (each.spelling === 'sync') takeSync(lock, shape, each);
      else takeAsync(lock, shape, each);
    },
    died(world, index) {
      const { held, line } = world.record as SemaphoreRecord;
      world.record = {
        held: held.with(index, 0),
        ...(line === undefined ? {} : { line: without(line, index) }),
      };
    },
    mayWait(world, index) {
      const { held } = world.record as SemaphoreRecord;
      const each = parties[index] as SemaphoreParty;
      return !('holds' in each) && permits - held.reduce((sum, count) => sum + count) < each.wants;
    },
    ended(world) {
      const { held } = world.record as SemaphoreRecord;
      for (const [index, count] of held.entries()) {
        const inSlot = world.memory[slotsAt + index * slotWords + heldAt];
        if (world.dead[index] !== true && inSlot !== count) {
          throw new Violation(`party ${index} has ${count} permits, its slot says ${String(inSlot)}`);
        }
      }
    },
  };
}

function takeSync(lock: Semaphore, shape: SemaphoreShape, { wants, rounds, begins }: Taker): void {
  for (let round = 0; round < rounds; round++) {
    party().settle(lock, round);
    if (shape.fair === true) call();
    const permit = lock.acquireSync({ permits: wants });
    if (begins === true && round === 0) party().begin();
    stay(permit, shape);
  }
}

function takeAsync(lock: Semaphore, shape: SemaphoreShape, { wants, rounds }: Taker): void {
  let round = 0;
  const next = (): void => {
    if (round === rounds) return;
    if (shape.fair === true) call();
    lock.acquire({ permits: wants }).then(
      (permit) => {
        stay(permit, shape);
        round++;
        next();
      },
      (error: unknown) => {
        throw error;
      },
    );
  };
  next();
  runLoop(
    () => round === rounds,
    () => {
      party().settle(lock, round, loopState());
    },
  );
}

function stay(permit: Permit, { permits: limit, fair }: SemaphoreShape): void {
  if (fair === true) served(holdsSome);
  changeHeld(permit.permits, limit);
  party().step({ name: 'holds', reads: true, make: () => undefined });
  changeHeld(-permit.permits, limit);
  permit.release();
}

function changeHeld(by: number, limit: number): void {
  const { index } = party();
  party().along((world: World) => {
    const { held: before, ...rest } = world.record as SemaphoreRecord;
    const held = before.with(index, (before[index] ?? 0) + by);
    if (held.reduce((sum, count) => sum + count) > limit)
      throw new Violation(`more than ${limit} permits are out`);
    world.record = { ...rest, held };
  });
}
