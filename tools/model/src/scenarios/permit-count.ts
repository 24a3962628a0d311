/**
 * The count of a semaphore's permits by itself, under a guard and bells of the plainest kind, so that far more of it can be seen than
 * of a whole semaphore: never more permits out than there are, and nobody asleep beside enough free ones.
 */
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import { modelAtomics } from '../shared-memory.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import { barrier, type Processor } from '../weak-memory.ts';
import type { World } from '../world.ts';
import { areaBytes, heldAt, lockSource, slotsAt, slotWords } from './lock-source.ts';
import { countAt, isCounted } from './semaphore.ts';

export interface PermitCountShape {
  readonly permits: number;
  /** What each party takes and gives, one after the other. */
  readonly parties: readonly (readonly number[])[];
  readonly deaths: number;
  readonly processor?: Processor;
}

interface PermitRecord extends Record<string, unknown> {
  readonly held: readonly number[];
  /** What a party wants that has found too little. */
  readonly wants: readonly number[];
  /** Whether somebody has rung since a party has announced to sleep. */
  readonly rung: readonly boolean[];
}

/** What is used of `PermitCount`. */
interface Count {
  readonly holders: readonly number[];
  take(permits: number): 'taken' | 'withdrawn' | undefined;
  takeInside(permits: number): boolean;
  give(permits: number): number | undefined;
  giveInside(permits: number, before: number): void;
}

const guardAt = 16;
const { load, store } = modelAtomics as Record<'load' | 'store', Operation>;
type Operation = (words: Int32Array, index: number, ...operands: number[]) => number;

/** @param edits - Changes of the source: none checks what is shipped. */
export function permitCount(shape: PermitCountShape, edits: readonly Edit[] = []): Scenario {
  const { permits, parties, deaths, processor } = shape;
  const source = lockSource(edits);
  return {
    name: `permits of ${permits}, ${parties.map((wants) => wants.join(' ')).join(' + ')}${processor === undefined ? '' : `, ${processor}`}`,
    parties: parties.length,
    memoryBytes: areaBytes(parties.length),
    deaths,
    ...(processor === undefined ? {} : { processor }),
    races: isCounted,
    record: {
      held: parties.map(() => 0),
      wants: parties.map(() => 0),
      rung: parties.map(() => false),
    } satisfies PermitRecord,
    program(index) {
      const { words } = source.region(parties.length) as { readonly words: Int32Array };
      const { PermitCount } = source.fresh('permit-count.ts') as unknown as {
        PermitCount: new (participant: object, limit: number, stays: boolean) => Count;
      };
      const slot = slotsAt + index * slotWords;
      const slotsEnd = slotsAt + parties.length * slotWords;
      const count = new PermitCount({ words, base: 0, slot, slotsStart: slotsAt, slotsEnd }, permits, false);
      if (index === 0) store(words, countAt, permits);
      party().begin();
      const guard = new PlainGuard(words, index);
      for (const [round, wants] of (parties[index] ?? []).entries()) {
        party().settle(count, round);
        takeOrSleep(count, guard, wants);
        changeHeld(wants, permits);
        party().step({ name: 'holds', reads: true, make: () => undefined });
        changeHeld(-wants, permits);
        const before = count.give(wants);
        if (before === undefined) continue;
        guard.enter();
        ring();
        count.giveInside(wants, before);
        guard.leave();
      }
    },
    died(world, index) {
      barrier(world, index); // the kernel tells of a death after everything that the dead one has stored
      const { held, wants, rung } = world.record as PermitRecord;
      world.record = { held: held.with(index, 0), wants: wants.with(index, 0), rung };
    },
    mayWait(world, index) {
      const { held, wants } = world.record as PermitRecord;
      return permits - held.reduce((sum, each) => sum + each) < (wants[index] ?? 0);
    },
    ended(world) {
      for (const index of parties.keys()) {
        const held = world.memory[slotsAt + index * slotWords + heldAt];
        if (world.dead[index] !== true && held !== 0)
          throw new Violation(`the slot of party ${index} says ${String(held)}`);
      }
    },
  };
}

function takeOrSleep(count: Count, guard: PlainGuard, wants: number): void {
  const quickly = count.take(wants);
  if (quickly === 'taken') return;
  if (quickly === 'withdrawn') {
    guard.enter();
    ring();
    guard.leave();
  }
  const { index } = party();
  for (;;) {
    note(({ rung, ...rest }) => ({ ...rest, rung: rung.with(index, false) }));
    guard.enter();
    const taken = count.takeInside(wants) || (guard.bury() && count.takeInside(wants));
    guard.leave();
    note(({ wants: all, ...rest }) => ({ ...rest, wants: all.with(index, taken ? 0 : wants) }));
    if (taken) return;
    const watched = count.holders.map((slot) => (slot - slotsAt) / slotWords);
    party().step({
      name: `sleep, watching ${watched.join(' ')}`,
      reads: true,
      ways: ({ record, dead }) =>
        (record as PermitRecord).rung[index] === true || watched.some((other) => dead[other]) ? [''] : [],
      make: () => undefined,
    });
  }
}

/** Held by one at a time; taken over from the dead. */
class PlainGuard {
  readonly #words: Int32Array;
  readonly #index: number;

  constructor(words: Int32Array, index: number) {
    this.#words = words;
    this.#index = index;
  }

  enter(): void {
    party().step({
      name: 'enter',
      ways: ({ memory, dead }) => {
        const owner = memory[guardAt] ?? 0;
        return owner === 0 || dead[owner - 1] === true ? [''] : [];
      },
      make: this.#own(this.#index + 1),
    });
  }

  leave(): void {
    party().step({ name: 'leave', make: this.#own(0) });
  }

  #own(owner: number): (world: World) => void {
    return (world) => {
      world.writable()[guardAt] = owner;
    };
  }

  /** Clears the slots of the dead. */
  bury(): boolean {
    const { world } = party();
    let buried = false;
    for (const other of world.dead.keys()) {
      const isDead = party().step({
        name: `is ${other} alive`,
        reads: true,
        make: ({ dead }) => dead[other] === true,
      });
      const heldOf = slotsAt + other * slotWords + heldAt;
      if (isDead !== true || load(this.#words, heldOf) === 0) continue;
      store(this.#words, heldOf, 0);
      buried = true;
    }
    return buried;
  }
}

function ring(): void {
  party().step({
    name: 'ring',
    make: (world) => {
      const record = world.record as PermitRecord;
      world.record = { ...record, rung: record.rung.map(() => true) };
    },
  });
}

function changeHeld(by: number, limit: number): void {
  const { index } = party();
  note(({ held, ...rest }) => {
    const now = held.with(index, (held[index] ?? 0) + by);
    if (now.reduce((sum, each) => sum + each) > limit)
      throw new Violation(`more than ${limit} permits are out`);
    return { ...rest, held: now };
  });
}

function note(change: (record: PermitRecord) => PermitRecord): void {
  party().along((world) => {
    world.record = change(world.record as PermitRecord);
  });
}
