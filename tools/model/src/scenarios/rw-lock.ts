/** The reader-writer lock: a writer alone, nobody waits for ever, a dead writer's successors are told until a writer has been there. */
import type { Held, RwLock } from '@ipc/sync';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import type { Edit } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import type { Spelling } from './ends.ts';
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
    record: { inside: parties.map(() => undefined), abandoned: false } satisfies RwLockRecord,
    program(index) {
      const { RwLock } = source.fresh('rw-lock.ts');
      const lock = RwLock.in(source.region(parties.length), 0, { participants: parties.length, fair });
      party().begin();
      take(lock, parties[index] as RwLockParty);
    },
    died(world, index) {
      const { inside, abandoned } = world.record as RwLockRecord;
      world.record = {
        inside: inside.with(index, undefined),
        abandoned: abandoned || inside[index] === 'exclusive',
      };
    },
    ended(world) {
      const { inside } = world.record as RwLockRecord;
      if (inside.some((mode) => mode !== undefined)) throw new Violation('somebody is still inside');
    },
  };
}

function take(lock: RwLock, { mode, spelling }: RwLockParty): void {
  party().settle(lock);
  if (spelling === 'sync') {
    stay(lock[mode].acquireSync(), mode);
    return;
  }
  let isDone = false;
  lock[mode].acquire().then(
    (held) => {
      stay(held, mode);
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
function stay(held: Held, mode: Mode): void {
  const { index } = party();
  party().along((world: World) => {
    const { inside, abandoned } = world.record as RwLockRecord;
    const others = inside.filter((other) => other !== undefined);
    if (others.length > 0 && (mode === 'exclusive' || others.includes('exclusive'))) {
      throw new Violation('a writer is not alone');
    }
    if (abandoned && !held.abandoned) throw new Violation('the successor of a dead writer was not told');
    world.record = { inside: inside.with(index, mode), abandoned: abandoned && mode === 'shared' };
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
