/** The condition with its mutex: a notification reaches everybody who waits, and nobody is inside with another. */
import type { Condition, Held, Mutex } from '@ipc/sync';
import { party } from '../party.ts';
import type { Scenario } from '../scenario.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import { areaBytes, lockSource } from './lock-source.ts';

/** Waits, blocking, until what is waited for is true; or makes it true and notifies, holding the mutex or just after. */
export type ConditionParty = 'waiter' | 'notifier' | 'notifier outside';

export interface ConditionShape {
  readonly parties: readonly ConditionParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface ConditionRecord extends Record<string, unknown> {
  /** Who is inside the mutex. */
  readonly inside: readonly number[];
  /** What is waited for. */
  readonly isTrue: boolean;
  /** Somebody has notified since. */
  readonly isNotified: boolean;
}

/** @param edits - Changes of the source: none checks what is shipped. */
export function condition(shape: ConditionShape, edits: readonly Edit[] = []): Scenario {
  const { parties, deaths, mortals } = shape;
  const count = parties.length;
  const source = lockSource(edits);
  return {
    name: `condition, ${parties.join(' + ')}`,
    parties: count,
    memoryBytes: areaBytes(count) * 2,
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: { inside: [], isTrue: false, isNotified: false } satisfies ConditionRecord,
    program(index) {
      const sources = source.fresh('mutex.ts', 'condition.ts');
      const region = source.region(count, 2);
      const mutex = sources.Mutex.in(region, 0, { participants: count });
      const changed = sources.Condition.in(region, areaBytes(count), { participants: count });
      party().begin();
      party().settle(mutex, changed);
      if (parties[index] === 'waiter') wait(mutex, changed);
      else notify(mutex, changed, parties[index] === 'notifier');
    },
    died(world, index) {
      const record = world.record as ConditionRecord;
      world.record = { ...record, inside: record.inside.filter((other) => other !== index) };
    },
    mayWait: (world, index) => parties[index] === 'waiter' && !(world.record as ConditionRecord).isNotified,
    ended(world) {
      if ((world.record as ConditionRecord).inside.length > 0)
        throw new Violation('somebody is still inside');
    },
  };
}

function wait(mutex: Mutex, changed: Condition): void {
  let held = enter(mutex.acquireSync());
  while (!look()) {
    party().settle(mutex, changed, held);
    leave();
    held = enter(changed.waitSync(mutex, held));
  }
  party().settle(mutex, changed, held);
  leave();
  held.release();
}

function notify(mutex: Mutex, changed: Condition, isInside: boolean): void {
  const held = enter(mutex.acquireSync());
  party().settle(mutex, changed, held);
  note(() => ({ isTrue: true }));
  const notifyAll = (): void => {
    changed.notifyAll();
    note(() => ({ isNotified: true }));
  };
  if (isInside) notifyAll();
  leave();
  held.release();
  if (!isInside) notifyAll();
}

function look(): boolean {
  return party().along(({ record }) => (record as ConditionRecord).isTrue) as boolean;
}

function enter(held: Held): Held {
  const { index } = party();
  note(({ inside }) => {
    if (inside.length > 0) throw new Violation(`${inside.join()} and ${index} are inside at once`);
    return { inside: [index] };
  });
  party().step({ name: 'inside', reads: true, make: () => undefined });
  return held;
}

function leave(): void {
  const { index } = party();
  note(({ inside }) => ({ inside: inside.filter((other) => other !== index) }));
}

function note(entry: (record: ConditionRecord) => Partial<ConditionRecord>): void {
  party().along((world: World) => {
    world.record = { ...world.record, ...entry(world.record as ConditionRecord) };
  });
}
