/** The mutex: one inside at a time, nobody sleeps for ever, a dead owner's successor is told. */
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

interface MutexRecord extends Record<string, unknown> {
  /** Who is inside. */
  readonly inside: readonly number[];
  /** Owners that died, whose successor has not been told. */
  readonly abandoned: boolean;
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
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

const ownerWord = 16;
const identityMask = 0x3fffffff;

/** @param edits - Changes of the source: none checks what is shipped. */
export function mutex(shape: MutexShape, edits: readonly Edit[] = []): Scenario {
  const { spellings, rounds, deaths, fair = false } = shape;
  const parties = spellings.length;
  const source = lockSource(edits);
  return {
    name: `${fair ? 'fair ' : ''}mutex, ${spellings.join(' + ')}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`,
    parties,
    memoryBytes: areaBytes(parties),
    deaths,
    ...(shape.mortals === undefined ? {} : { mortals: shape.mortals }),
    record: {
      inside: [],
      abandoned: false,
      identities: [],
      ...(fair ? { line: emptyLine(parties) } : {}),
    } satisfies MutexRecord,
    program(index) {
      const { Mutex } = source.fresh('mutex.ts');
      const lock = Mutex.in(source.region(parties), 0, { participants: parties, fair });
      enroll(lock);
      if (fair) noteStanding(lock);
      party().begin();
      if (spellings[index] === 'sync') takeSync(lock, rounds, fair);
      else takeAsync(lock, rounds, fair);
    },
    died(world, index) {
      const { inside, identities, line } = world.record as MutexRecord;
      const owns = ((world.memory[ownerWord] ?? 0) & identityMask) === identities[index];
      world.record = {
        ...world.record,
        inside: inside.filter((other) => other !== index),
        ...(owns ? { abandoned: true } : {}),
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

function takeSync(lock: Mutex, rounds: number, fair: boolean): void {
  for (let round = 0; round < rounds; round++) {
    party().settle(lock, round);
    if (fair) call();
    const held = lock.acquireSync();
    if (fair) served();
    stay(held);
    held.release();
  }
}

function takeAsync(lock: Mutex, rounds: number, fair: boolean): void {
  let round = 0;
  const next = (): void => {
    if (round === rounds) return;
    if (fair) call();
    lock.acquire().then(
      (held) => {
        if (fair) served();
        stay(held);
        round++;
        held.release();
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

function enroll(lock: Mutex): void {
  const { identity } = hidden(lock, 'participant') as { identity: number };
  note((record) => ({ identities: [...record.identities, identity] }));
}

/** Goes in, stays for a step, comes out. */
function stay(held: Held): void {
  const { index } = party();
  note(({ inside, abandoned }) => {
    if (inside.length > 0) throw new Violation(`${inside.join()} and ${index} are inside at once`);
    if (held.abandoned !== abandoned) {
      throw new Violation(
        abandoned ? 'the successor of a dead owner was not told' : 'told of a death that nobody died',
      );
    }
    return { inside: [index], abandoned: false };
  });
  party().step({
    name: 'inside',
    reads: true,
    make: (world: World) => {
      world.record = { ...world.record, inside: [] };
    },
  });
}

function note(entry: (record: MutexRecord) => Partial<MutexRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as MutexRecord) };
  });
}
