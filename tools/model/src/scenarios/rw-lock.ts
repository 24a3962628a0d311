/**
 * The reader-writer lock: a writer alone, nobody waits for ever, a dead writer's successors are told, or repair first, until a writer
 * has been there; nobody gets in once anybody was told that it was given up.
 */
import { isIpcError } from '@ipc/core';
import type { ExclusiveHeld, RwLock, SharedHeld } from '@ipc/sync';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import type { Edit } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import type { Spelling } from './ends.ts';
import { call, emptyLine, holdsSome, noteStanding, served, without, type Line } from './line.ts';
import { areaBytes, lockSource } from './lock-source.ts';
import { repairError, type Repairs } from './repairs.ts';

type Mode = 'shared' | 'exclusive';
type Possession = SharedHeld | ExclusiveHeld;

export interface RwLockParty {
  readonly mode: Mode;
  readonly spelling: Spelling;
  /** Blocking ones: has it the first time when all begin. @default false */
  readonly begins?: true;
  /** How often it takes it. @default 1 */
  readonly rounds?: number;
  /** @default it has no `repair` */
  readonly repairs?: Repairs;
  /** A writer: marks the lock unrecoverable instead of releasing it. @default false */
  readonly givesUp?: true;
}

export interface RwLockShape {
  readonly parties: readonly RwLockParty[];
  /** First come, first served. @default false */
  readonly fair?: boolean;
  /** A writer has died inside before all begin. @default false */
  readonly abandoned?: true;
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface RwLockRecord extends Record<string, unknown> {
  /** What each party has; who repairs has it to write. */
  readonly inside: readonly (Mode | undefined)[];
  /** A writer died inside, and none has been there since, nor has it been repaired. */
  readonly abandoned: boolean;
  /** Whether somebody gives it up, or has done so: the latter as soon as anybody was told. */
  readonly givenUp?: 'begun' | 'done';
  /** Of a fair one. */
  readonly line?: Line;
}

/** The word that says so in the memory of the lock. */
const abandonedAt = 18;

/** @param edits - Changes of the source: none checks what is shipped. */
export function rwLock(shape: RwLockShape, edits: readonly Edit[] = []): Scenario {
  const { parties, deaths, mortals, fair = false, abandoned = false } = shape;
  const source = lockSource(edits);
  return {
    name: `${abandoned ? 'abandoned ' : ''}${fair ? 'fair ' : ''}rwlock, ${parties.map(describe).join(' + ')}`,
    parties: parties.length,
    memoryBytes: areaBytes(parties.length),
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: {
      inside: parties.map(() => undefined),
      abandoned,
      ...(fair ? { line: emptyLine(parties.length) } : {}),
    } satisfies RwLockRecord,
    program(index) {
      const { RwLock } = source.fresh('rw-lock.ts');
      const each = parties[index] as RwLockParty;
      const { repairs } = each;
      const lock = RwLock.in(source.region(parties.length), 0, {
        participants: parties.length,
        fair,
        ...(repairs === undefined ? {} : { repair: repairing(repairs) }),
      });
      if (abandoned) party().along((world) => (world.writable()[abandonedAt] = 1));
      if (fair) noteStanding(lock);
      if (each.begins !== true) party().begin();
      if (each.spelling === 'sync') takeSync(lock, each, fair);
      else takeAsync(lock, each, fair);
    },
    died(world, index) {
      const { inside, line, ...rest } = world.record as RwLockRecord;
      world.record = {
        ...rest,
        inside: inside.with(index, undefined),
        abandoned: rest.abandoned || inside[index] === 'exclusive',
        ...(line === undefined ? {} : { line: without(line, index) }),
      };
    },
    ended(world) {
      const { inside } = world.record as RwLockRecord;
      if (inside.some((mode) => mode !== undefined)) throw new Violation('somebody is still inside');
    },
  };
}

function describe({ mode, spelling, begins, rounds = 1, repairs, givesUp }: RwLockParty): string {
  return [
    ...(begins === true ? ['holding'] : []),
    spelling,
    mode === 'shared' ? 'reader' : 'writer',
    ...(rounds > 1 ? [`×${rounds}`] : []),
    ...(repairs === undefined ? [] : [`that repairs ${repairs}`]),
    ...(givesUp === true ? ['that gives up'] : []),
  ].join(' ');
}

function takeSync(lock: RwLock, each: RwLockParty, fair: boolean): void {
  const { mode, begins, rounds = 1 } = each;
  for (let round = 0; round < rounds; round++) {
    party().settle(lock, round);
    if (fair) call();
    let held: Possession;
    try {
      held = lock[mode].acquireSync();
    } catch (error) {
      refused(error);
      return;
    }
    if (begins === true && round === 0) party().begin();
    stay(lock, held, each, fair);
  }
}

function takeAsync(lock: RwLock, each: RwLockParty, fair: boolean): void {
  const { rounds = 1 } = each;
  let round = 0;
  const next = (): void => {
    if (round === rounds) return;
    if (fair) call();
    lock[each.mode].acquire().then(
      (held) => {
        stay(lock, held, each, fair);
        round++;
        next();
      },
      (error: unknown) => {
        refused(error);
        round = rounds;
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

/** Goes in, stays for a step, comes out. */
function stay(lock: RwLock, held: Possession, { mode, repairs, givesUp }: RwLockParty, fair: boolean): void {
  if (fair) served(holdsSome);
  goIn(mode, ({ abandoned, givenUp }) => {
    if (givenUp === 'done') throw new Violation('somebody is inside a lock that was given up');
    if (abandoned && repairs !== undefined) throw new Violation('somebody was let in before the repair');
    if (abandoned && !held.abandoned) throw new Violation('the successor of a dead writer was not told');
    return abandoned && mode === 'shared';
  });
  comeOut('inside', givesUp === true ? { givenUp: 'begun' } : {});
  if (givesUp === true && 'downgrade' in held) {
    lock.markUnrecoverable(held);
    note(() => ({ givenUp: 'done' }));
  } else held.release();
}

/** Nobody is inside with who repairs; nothing is repaired before it has ended. */
function repairing(repairs: Repairs): () => void {
  return () => {
    goIn('exclusive', ({ abandoned }) => abandoned);
    comeOut('repairs', repairs === 'well' ? { abandoned: false } : {});
    if (repairs === 'in vain') throw repairError;
  };
}

/** What a taker may be told: that its repair failed, or, if so, that the lock was given up. */
function refused(error: unknown): void {
  if (error === repairError) return;
  if (!isIpcError(error, 'ERR_IPC_CORRUPT')) throw error;
  note(({ givenUp }) => {
    if (givenUp === undefined) throw new Violation('told that a lock was given up that nobody has given up');
    return { givenUp: 'done' };
  });
}

/** @param isAbandoned - Checks what else there is to check, and says whether the lock still is. */
function goIn(mode: Mode, isAbandoned: (record: RwLockRecord) => boolean): void {
  const { index } = party();
  note((record) => {
    const others = record.inside.filter((other) => other !== undefined);
    if (others.length > 0 && (mode === 'exclusive' || others.includes('exclusive'))) {
      throw new Violation('a writer is not alone');
    }
    return { abandoned: isAbandoned(record), inside: record.inside.with(index, mode) };
  });
}

function comeOut(name: string, rest: Partial<RwLockRecord>): void {
  const { index } = party();
  party().step({
    name,
    reads: true,
    make: (world: World) => {
      const record = world.record as RwLockRecord;
      world.record = { ...record, ...rest, inside: record.inside.with(index, undefined) };
    },
  });
}

function note(entry: (record: RwLockRecord) => Partial<RwLockRecord>): void {
  party().along((world: World) => {
    world.record = { ...world.record, ...entry(world.record as RwLockRecord) };
  });
}
