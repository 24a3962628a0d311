/** The mutex: one inside at a time, nobody sleeps for ever, a dead owner's successor is told, or repairs before anybody gets in. */
import type { Held, Mutex } from '@ipc/sync';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import { hidden, type Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import { loopState, runLoop } from '../thread.ts';
import type { World } from '../world.ts';
import type { Spelling } from './ends.ts';
import { call, emptyLine, noteStanding, served, without, type Line } from './line.ts';
import { areaBytes, lockSource } from './lock-source.ts';
import { repairError, type Repairs } from './repairs.ts';

interface MutexRecord extends Record<string, unknown> {
  /** Who is inside. */
  readonly inside: readonly number[];
  /** An owner died, and no successor has been told, nor repaired what it left. */
  readonly abandoned: boolean;
  /** Who has repaired it, and not gone in yet. */
  readonly repairer?: number | undefined;
  readonly identities: readonly number[];
  /** Of a fair one. */
  readonly line?: Line;
}

export interface MutexShape {
  /** One for each party. */
  readonly spellings: readonly Spelling[];
  /** How often each party takes the lock. */
  readonly rounds: number;
  /** First come, first served. @default false */
  readonly fair?: boolean;
  /** What the `repair` of each party comes to. @default they have none */
  readonly repairs?: readonly Repairs[];
  /** An owner has died before all begin. @default false */
  readonly abandoned?: true;
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

const ownerWord = 16;
const identityMask = 0x3fffffff;
const abandonedBit = -0x80000000;

/** @param edits - Changes of the source: none checks what is shipped. */
export function mutex(shape: MutexShape, edits: readonly Edit[] = []): Scenario {
  const { spellings, rounds, deaths, fair = false, abandoned = false, repairs } = shape;
  const parties = spellings.length;
  const source = lockSource(edits);
  return {
    name: nameOf(shape),
    parties,
    memoryBytes: areaBytes(parties),
    deaths,
    ...(shape.mortals === undefined ? {} : { mortals: shape.mortals }),
    record: {
      inside: [],
      abandoned,
      identities: [],
      ...(fair ? { line: emptyLine(parties) } : {}),
    } satisfies MutexRecord,
    program(index) {
      const { Mutex } = source.fresh('mutex.ts');
      const own = repairs?.[index];
      const lock = Mutex.in(source.region(parties), 0, {
        participants: parties,
        fair,
        ...(own === undefined ? {} : { repair: repairing(own) }),
      });
      if (abandoned) party().along((world) => (world.writable()[ownerWord] = abandonedBit));
      enroll(lock);
      if (fair) noteStanding(lock);
      party().begin();
      if (spellings[index] === 'sync') takeSync(lock, rounds, fair, own);
      else takeAsync(lock, rounds, fair, own);
    },
    died(world, index) {
      const { inside, identities, line, repairer } = world.record as MutexRecord;
      const owns = ((world.memory[ownerWord] ?? 0) & identityMask) === identities[index];
      world.record = {
        ...world.record,
        inside: inside.filter((other) => other !== index),
        ...(owns ? { abandoned: true } : {}),
        ...(repairer === index ? { repairer: undefined } : {}),
        ...(line === undefined ? {} : { line: without(line, index) }),
      };
    },
    ended(world) {
      const { inside, abandoned } = world.record as MutexRecord;
      if (inside.length > 0) throw new Error('somebody is still inside');
      const word = world.memory[ownerWord] ?? 0;
      const named = (world.record as MutexRecord).identities.indexOf(word & identityMask);
      if ((word & identityMask) !== 0 && world.dead[named] !== true)
        throw new Error('a lock nobody holds names an owner');
      if (abandoned && word === 0) throw new Error('a death with the lock held was never told');
    },
  };
}

function nameOf({ spellings, rounds, fair, abandoned, repairs }: MutexShape): string {
  const kind = `${abandoned === true ? 'abandoned ' : ''}${fair === true ? 'fair ' : ''}mutex`;
  const parties = spellings.map((each, index) =>
    repairs?.[index] === undefined ? each : `${each} that repairs ${repairs[index]}`,
  );
  return `${kind}, ${parties.join(' + ')}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
}

function takeSync(lock: Mutex, rounds: number, fair: boolean, repairs?: Repairs): void {
  for (let round = 0; round < rounds; round++) {
    party().settle(lock, round);
    if (fair) call();
    let held: Held;
    try {
      held = lock.acquireSync();
    } catch (error) {
      refused(error);
      return;
    }
    if (fair) served();
    stay(held, repairs);
    held.release();
  }
}

function takeAsync(lock: Mutex, rounds: number, fair: boolean, repairs?: Repairs): void {
  let round = 0;
  const next = (): void => {
    if (round === rounds) return;
    if (fair) call();
    lock.acquire().then(
      (held) => {
        if (fair) served();
        stay(held, repairs);
        round++;
        held.release();
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

function enroll(lock: Mutex): void {
  const { identity } = hidden(lock, 'participant') as { identity: number };
  note((record) => ({ identities: [...record.identities, identity] }));
}

/** Goes in, stays for a step, comes out. */
function stay(held: Held, repairs?: Repairs): void {
  const { index } = party();
  goIn(({ abandoned, repairer }) => {
    if (abandoned && repairs !== undefined) throw new Violation('somebody was let in before the repair');
    const isTold = repairer === index || abandoned;
    if (held.abandoned !== isTold) {
      throw new Violation(
        isTold ? 'the successor of a dead owner was not told' : 'told of a death that nobody died',
      );
    }
    return { abandoned: false, repairer: undefined };
  });
  comeOut('inside', {});
}

/** Nobody is inside with who repairs; nothing is repaired before it has ended. */
function repairing(repairs: Repairs): () => void {
  return () => {
    const { index } = party();
    goIn(({ abandoned }) => {
      if (!abandoned) throw new Violation('something is repaired that nobody has left');
      return {};
    });
    comeOut('repairs', repairs === 'well' ? { abandoned: false, repairer: index } : {});
    if (repairs === 'in vain') throw repairError;
  };
}

/** What a taker may be told: that its repair failed. */
function refused(error: unknown): void {
  if (error !== repairError) throw error;
}

function goIn(check: (record: MutexRecord) => Partial<MutexRecord>): void {
  const { index } = party();
  note((record) => {
    if (record.inside.length > 0)
      throw new Violation(`${record.inside.join()} and ${index} are inside at once`);
    return { ...check(record), inside: [index] };
  });
}

function comeOut(name: string, rest: Partial<MutexRecord>): void {
  party().step({
    name,
    reads: true,
    make: (world: World) => {
      world.record = { ...world.record, ...rest, inside: [] };
    },
  });
}

function note(entry: (record: MutexRecord) => Partial<MutexRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as MutexRecord) };
  });
}
