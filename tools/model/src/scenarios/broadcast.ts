/**
 * The broadcast, with its participants, their bells and their burial: every message in order and whole, none lost that must
 * not be, lapped ones counted, nobody asleep beside a message or beside room, the dead in nobody's way.
 */
import type { Subscriber } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import type { Processor } from '../weak-memory.ts';
import type { World } from '../world.ts';
import { receiveAll, sendAll, type Sent, type Spelling } from './ends.ts';
import { messageBytes } from './messages.ts';
import { shmSource } from './shm-source.ts';

export type BroadcastParty =
  /** `before`: so many of them while all set up. */
  | { readonly publishes: number; readonly spelling: Spelling; readonly before?: number }
  /** `joins`: only after the set-up, while others are at work. */
  | { readonly subscribes: Spelling; readonly history?: number; readonly joins?: 'late' };

export interface BroadcastShape {
  readonly overflow: 'lap' | 'wait';
  readonly slots: number;
  readonly parties: readonly BroadcastParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
  /** Whose memory model; without one, accesses happen one after the other. */
  readonly processor?: Processor;
}

interface BroadcastRecord extends Record<string, unknown> {
  /** Messages whose sending has returned. */
  readonly sent: readonly Sent[];
  /** For each subscriber: how many had been sent before it was there; undefined until then. */
  readonly since: readonly (number | undefined)[];
  readonly got: readonly (readonly Sent[])[];
  readonly lapped: readonly number[];
}

const tableWords = 160;
const slotWords = 16;

/** @param edits - Changes of the source: none checks what is shipped. */
export function broadcast(shape: BroadcastShape, edits: readonly Edit[] = []): Scenario {
  const { overflow, slots, parties, deaths, mortals, processor } = shape;
  const source = shmSource(edits, 'broadcast-publisher', 'broadcast-subscriber');
  const options = { overflow, slots, maxMessageBytes: messageBytes, participants: parties.length };
  // Where publishers wait, they still do not wait for who reads what came before it was there.
  const isLapped =
    overflow === 'lap' || parties.some((each) => 'subscribes' in each && each.joins === 'late');
  const slotsAt = tableWords + parties.length * 32;
  return {
    name: nameOf(shape),
    parties: parties.length,
    memoryBytes: 4 * (slotsAt + slots * slotWords),
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    ...(processor === undefined ? {} : { processor }),
    ...(isLapped ? { races: (word) => word >= slotsAt && (word - slotsAt) % slotWords > 0 } : {}),
    record: {
      sent: [],
      since: parties.map(() => undefined),
      got: parties.map(() => []),
      lapped: parties.map(() => 0),
    } satisfies BroadcastRecord,
    program(index) {
      const { Publisher, SlotMemory, Subscriber } = source();
      const each = parties[index] as BroadcastParty;
      if ('publishes' in each) {
        const publisher = Publisher.open('model', options);
        sendAll(publisher, each.publishes, each.spelling, each.before ?? 0, (one) => {
          note(({ sent }) => ({ sent: [...sent, one] }));
        });
        return;
      }
      SlotMemory.openOrCreate('model', 'broadcast', overflow === 'lap' ? 0 : 1, options);
      if (each.joins === 'late') party().begin();
      const before = party().along(({ record }) => (record as BroadcastRecord).sent.length) as number;
      const subscriber = Subscriber.open('model', { history: each.history ?? 0 });
      note(({ since }) => ({ since: since.with(index, before) }));
      if (each.joins !== 'late') party().begin();
      receiveAll(subscriber, each.subscribes, (one) => {
        got(subscriber, one, overflow === 'wait');
      });
    },
    mayWait(world, index) {
      return 'subscribes' in (parties[index] as BroadcastParty) && hasAll(world, index, shape);
    },
  };
}

function nameOf({ overflow, slots, parties, processor }: BroadcastShape): string {
  const describe = (each: BroadcastParty): string =>
    'publishes' in each
      ? `${each.spelling} publisher of ${each.before === undefined ? '' : `${each.before} + `}${each.publishes - (each.before ?? 0)}`
      : `${each.joins === undefined ? '' : 'late '}${each.subscribes} subscriber`;
  return `broadcast (${overflow}${processor === undefined ? '' : `, ${processor}`}) of ${slots} slots, ${parties.map(describe).join(' + ')}`;
}

/** Whether a subscriber has everything that it must get. */
function hasAll({ record }: World, index: number, { overflow }: BroadcastShape): boolean {
  const { sent, since, got, lapped } = record as BroadcastRecord;
  const mine = got[index] ?? [];
  const due = sent.slice(since[index] ?? sent.length);
  const missing = due.filter(({ by, number }) => !mine.some((one) => one.by === by && one.number === number));
  return overflow === 'wait' ? missing.length === 0 : missing.length <= (lapped[index] ?? 0);
}

function got(subscriber: Subscriber, { by, number }: Sent, lossless: boolean): void {
  const { index } = party();
  const { lapped } = subscriber;
  note((record) => {
    const mine = record.got[index] ?? [];
    const last = mine.findLast((one) => one.by === by)?.number;
    if (last !== undefined && number <= last) throw new Violation(`message ${number} comes after ${last}`);
    if (lossless && last !== undefined && number !== last + 1) {
      throw new Violation(`message ${number} comes after ${last}: some are lost`);
    }
    if (lossless && lapped > 0) throw new Violation('a lossless subscriber was lapped');
    return {
      got: record.got.with(index, [...mine, { by, number }]),
      lapped: record.lapped.with(index, lapped),
    };
  });
}

function note(entry: (record: BroadcastRecord) => Partial<BroadcastRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as BroadcastRecord) };
  });
}
