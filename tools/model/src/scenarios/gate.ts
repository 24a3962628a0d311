/** Events and latches: who waits goes through once somebody has opened, and not before; nobody sleeps beside an open one. */
import type { Event, Latch } from '@ipc/sync';
import { party } from '../party.ts';
import type { Scenario } from '../scenario.ts';
import type { Edit } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import type { Spelling } from './ends.ts';
import { areaBytes, lockSource } from './lock-source.ts';

/** Sets or counts down once; or waits once. */
export type GateParty = 'opener' | Spelling;

export interface GateShape {
  /** A latch waits for two. */
  readonly kind: 'manual event' | 'auto event' | 'latch of 2';
  readonly parties: readonly GateParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface GateRecord extends Record<string, unknown> {
  /** How often somebody has begun to open, and has done so. */
  readonly begun: number;
  readonly done: number;
  /** How many have gone through, and how many died who may have. */
  readonly through: number;
  readonly fallen: number;
}

/** The flag of an event; what is left of a latch. */
const stateAt = 18;

/** @param edits - Changes of the source: none checks what is shipped. */
export function gate(shape: GateShape, edits: readonly Edit[] = []): Scenario {
  const { kind, parties, deaths, mortals } = shape;
  const source = lockSource(edits);
  const needed = kind === 'latch of 2' ? 2 : 1;
  const isWaiting = (index: number): boolean => parties[index] !== 'opener';
  return {
    name: `${kind}, ${parties.map((each) => (each === 'opener' ? each : `${each} waiter`)).join(' + ')}`,
    parties: parties.length,
    memoryBytes: areaBytes(parties.length),
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: { begun: 0, done: 0, through: 0, fallen: 0 } satisfies GateRecord,
    program(index) {
      const sources = source.fresh('event.ts', 'latch.ts');
      const region = source.region(parties.length);
      const participants = parties.length;
      const opened =
        kind === 'latch of 2'
          ? sources.Latch.in(region, 0, { participants, count: 2 })
          : sources.Event.in(region, 0, { participants, reset: kind === 'auto event' ? 'auto' : 'manual' });
      party().begin();
      party().settle(opened);
      if (!isWaiting(index)) {
        party().step({ name: 'opens', reads: true, make: () => undefined });
        note(({ begun }) => ({ begun: begun + 1 }));
        if ('countDown' in opened) opened.countDown();
        else opened.set();
        note(({ done }) => ({ done: done + 1 }));
        return;
      }
      wait(opened, parties[index] as Spelling);
      note(({ begun, through }) => {
        if (begun < needed) throw new Violation('somebody went through before it was open');
        if (kind === 'auto event' && through >= begun) throw new Violation('more went through than were let');
        return { through: through + 1 };
      });
    },
    died(world, index) {
      const record = world.record as GateRecord;
      if (isWaiting(index)) world.record = { ...record, fallen: record.fallen + 1 };
    },
    mayWait(world, index) {
      const { done, through, fallen } = world.record as GateRecord;
      const state = world.memory[stateAt];
      const isOpen = kind === 'latch of 2' ? state === 0 : state !== 0;
      return (
        isWaiting(index) && !isOpen && (done < needed || (kind === 'auto event' && through + fallen > 0))
      );
    },
  };
}

function wait(opened: Event | Latch, spelling: Spelling): void {
  if (spelling === 'sync') {
    if (!opened.waitSync()) throw new Violation('woken for nothing');
    return;
  }
  let isThrough = false;
  // As `wait` does, which is an async function: there are no awaits on this event loop.
  const inner = opened as unknown as { takeOrWait(wish: true): Promise<true> };
  inner.takeOrWait(true).then(
    () => {
      isThrough = true;
    },
    (error: unknown) => {
      throw error;
    },
  );
  runLoop(
    () => isThrough,
    () => {
      party().settle(opened, isThrough, loopState());
    },
  );
}

function note(entry: (record: GateRecord) => Partial<GateRecord>): void {
  party().along((world: World) => {
    world.record = { ...world.record, ...entry(world.record as GateRecord) };
  });
}
