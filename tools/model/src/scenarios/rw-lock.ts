/** The reader-writer lock: a writer alone, nobody waits for ever, a dead writer's successors are told until a writer has been there. */
import type { Held, RwLock } from '@ipc/sync';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import type { Edit } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import type { Spelling } from './ends.ts';
import { call, emptyLine, holdsSome, noteStanding, served, without, type Line } from './line.ts';
import { areaBytes, lockSource } from './lock-source.ts';

type Mode = 'shared' | 'exclusive';

export interface RwLockParty {
  readonly mode: Mode;
  readonly spelling: Spelling;
}

export interface RwLockShape {
  /** Each takes the lock once. */
  readonly parties: readonly RwLockParty[];
  /** First come, first served. @default false */
  readonly fair?: boolean;
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface RwLockRecord extends Record<string, unknown> {
  /** What each party has. */
  readonly inside: readonly (Mode | undefined)[];
  /** A writer died inside, and none has been there since. */
  readonly abandoned: boolean;
  /** Of a fair one. */
  readonly line?: Line;
}

/** @param edits - Changes of the source: none checks what is shipped. */
export function rwLock(shape: RwLockShape, edits: readonly Edit[] = []): Scenario {
  const { parties, deaths, mortals, fair = false } = shape;
  const source = lockSource(edits);
  const describe = ({ mode, spelling }: RwLockParty): string =>
    `${spelling} ${mode === 'shared' ? 'reader' : 'writer'}`;
  return {
    name: `${fair ? 'fair ' : ''}rwlock, ${parties.map(describe).join(' + ')}`,
    parties: parties.length,
    memoryBytes: areaBytes(parties.length),
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: {
      inside: parties.map(() => undefined),
      abandoned: false,
      ...(fair ? { line: emptyLine(parties.length) } : {}),
    } satisfies RwLockRecord,
    program(index) {
      const { RwLock } = source.fresh('rw-lock.ts');
      const lock = RwLock.in(source.region(parties.length), 0, { participants: parties.length, fair });
      if (fair) noteStanding(lock);
      party().begin();
      take(lock, parties[index] as RwLockParty, fair);
    },
    died(world, index) {
      const { inside, abandoned, line } = world.record as RwLockRecord;
      world.record = {
        inside: inside.with(index, undefined),
        abandoned: abandoned || inside[index] === 'exclusive',
        ...(line === undefined ? {} : { line: without(line, index) }),
      };
    },
    ended(world) {
      const { inside } = world.record as RwLockRecord;
      if (inside.some((mode) => mode !== undefined)) throw new Violation('somebody is still inside');
    },
  };
}

function take(lock: RwLock, { mode, spelling }: RwLockParty, fair: boolean): void {
  party().settle(lock);
  if (fair) call();
  if (spelling === 'sync') {
    stay(lock[mode].acquireSync(), mode, fair);
    return;
  }
  let isDone = false;
  lock[mode].acquire().then(
    (held) => {
      stay(held, mode, fair);
      isDone = true;
    },
    (error: unknown) => {
      throw error;
    },
  );
  runLoop(
    () => isDone,
    () => {
      party().settle(lock, isDone, loopState());
    },
  );
}

/** Goes in, stays for a step, comes out. */
function stay(held: Held, mode: Mode, fair: boolean): void {
  if (fair) served(holdsSome);
  const { index } = party();
  party().along((world: World) => {
    const { inside, abandoned, ...rest } = world.record as RwLockRecord;
    const others = inside.filter((other) => other !== undefined);
    if (others.length > 0 && (mode === 'exclusive' || others.includes('exclusive'))) {
      throw new Violation('a writer is not alone');
    }
    if (abandoned && !held.abandoned) throw new Violation('the successor of a dead writer was not told');
    world.record = { ...rest, inside: inside.with(index, mode), abandoned: abandoned && mode === 'shared' };
  });
  party().step({
    name: 'inside',
    reads: true,
    make: (world: World) => {
      const record = world.record as RwLockRecord;
      world.record = { ...record, inside: record.inside.with(index, undefined) };
    },
  });
  held.release();
}
