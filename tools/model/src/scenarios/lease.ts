/** The lease: one leads at a time, and who watches learns of every leader that stays, and of none that has gone. */
import type { Held, Lease } from '@ipc/sync';
import { idle, party } from '../party.ts';
import type { Scenario } from '../scenario.ts';
import { hidden, type Edit } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import { areaBytes, lockSource } from './lock-source.ts';

/** Leads if nobody does, and stays or resigns; or watches who leads. */
export type LeaseParty = 'leads' | 'leads and resigns' | 'watches';

export interface LeaseShape {
  readonly parties: readonly LeaseParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface LeaseRecord extends Record<string, unknown> {
  /** Who leads: its identity; 0 for nobody. */
  readonly leader: number;
  readonly identities: readonly number[];
  /** What each party that watches has seen last. */
  readonly seen: readonly number[];
}

interface Observer {
  next(seen: number): Promise<number>;
}

/** Who watches is told by an async generator, which this event loop does not have: it watches by what that is made of. */
const opened: readonly Edit[] = [
  {
    file: 'packages/sync/src/lease.ts',
    from: 'class Observer implements',
    to: 'export class Observer implements',
  },
];

/** @param edits - Changes of the source: none checks what is shipped. */
export function lease({ parties, deaths, mortals }: LeaseShape, edits: readonly Edit[] = []): Scenario {
  const source = lockSource([...opened, ...edits]);
  const watchers = parties.filter((each) => each === 'watches').length;
  const participants = parties.length + watchers;
  return {
    name: `lease, ${parties.join(' + ')}`,
    parties: parties.length,
    memoryBytes: areaBytes(participants),
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: { leader: 0, identities: [], seen: parties.map(() => -1) } satisfies LeaseRecord,
    program(index) {
      const sources = source.fresh('lease.ts') as ReturnType<typeof source.fresh> & {
        Observer: new (area: unknown) => Observer;
      };
      const led = sources.Lease.in(source.region(participants), 0, { participants });
      const { participant } = hidden(led, 'area') as { participant: { identity: number } };
      note(({ identities }) => ({ identities: [...identities, participant.identity] }));
      if (parties[index] !== 'watches') {
        party().begin();
        party().settle(led);
        lead(led, participant.identity, parties[index] === 'leads and resigns');
        return;
      }
      const openAgain = hidden(led, 'openAgain') as () => unknown;
      const observer = new sources.Observer(openAgain());
      party().begin();
      watch(observer);
    },
    died(world, index) {
      const record = world.record as LeaseRecord;
      if (record.leader === record.identities[index]) world.record = { ...record, leader: 0 };
    },
    mayWait(world, index) {
      const { leader, seen } = world.record as LeaseRecord;
      return parties[index] === 'watches' && seen[index] === leader;
    },
  };
}

function lead(led: Lease, identity: number, resigns: boolean): void {
  const held = led.tryCampaign();
  if (held === undefined) return;
  note(({ leader }) => {
    if (leader !== 0) throw new Violation('two lead at once');
    return { leader: identity };
  });
  party().settle(led, held);
  if (resigns) resign(held);
  else idle();
}

function resign(held: Held): void {
  party().step({ name: 'leads', reads: true, make: () => undefined });
  note(() => ({ leader: 0 }));
  held.release();
}

function watch(observer: Observer): never {
  const { index } = party();
  for (let seen = -1; ;) {
    let isNew = false;
    const settle = (): void => {
      party().settle(observer, seen, isNew, loopState());
    };
    settle();
    observer.next(seen).then(
      (now) => {
        if (now === seen) throw new Violation('told of no change');
        seen = now;
        isNew = true;
      },
      (error: unknown) => {
        throw error;
      },
    );
    runLoop(() => isNew, settle);
    note((record) => ({ seen: record.seen.with(index, seen) }));
  }
}

function note(entry: (record: LeaseRecord) => Partial<LeaseRecord>): void {
  party().along((world: World) => {
    world.record = { ...world.record, ...entry(world.record as LeaseRecord) };
  });
}
