/** The latest value: never torn, never older than what was seen, nobody asleep beside a new one. */
import type { LatestReader, LatestWriter } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import type { Processor } from '../weak-memory.ts';
import type { World } from '../world.ts';
import { message, messageBytes, readMessage } from './messages.ts';
import { shmSource } from './shm-source.ts';

export type LatestParty =
  /** Publishes so many values; `opens: 'late'`: only if there is no other writer by then. */
  | { readonly publishes: number; readonly opens?: 'late' }
  /** Reads so often, or waits until there is nothing new to come. */
  | { readonly reads: number | 'all' };

export interface LatestShape {
  readonly parties: readonly LatestParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
  /** Whose memory model; without one, accesses happen one after the other. */
  readonly processor?: Processor;
}

interface LatestRecord extends Record<string, unknown> {
  /** The place of the last value whose publishing has returned. */
  readonly published: number;
  /** For each party: of the value it has read last, its place in the order of all. */
  readonly seen: readonly number[];
}

const slotsAtWord = 64;
const slotsEndWord: number = slotsAtWord + 4 * 32;

/** @param edits - Changes of the source: none checks what is shipped. */
export function latest(shape: LatestShape, edits: readonly Edit[] = []): Scenario {
  const { parties, deaths, mortals, processor } = shape;
  const source = shmSource(edits, 'latest-writer', 'latest-reader');
  return {
    name: nameOf(shape),
    parties: parties.length,
    memoryBytes: 4 * slotsEndWord,
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    ...(processor === undefined ? {} : { processor }),
    races: (word) => word >= slotsAtWord,
    record: { published: 0, seen: parties.map(() => 0) } satisfies LatestRecord,
    program(index) {
      const { LatestReader, LatestWriter } = source();
      const each = parties[index] as LatestParty;
      if ('reads' in each) {
        const reader = LatestReader.open('model');
        party().begin();
        if (each.reads === 'all') readAll(reader);
        else for (let left = each.reads; left > 0; left--) readOnce(reader);
        return;
      }
      if (each.opens === 'late') party().begin();
      let writer: LatestWriter;
      try {
        writer = LatestWriter.open('model', { maxBytes: messageBytes, participants: 0 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ERR_IPC_EXISTS') return;
        throw error;
      }
      if (each.opens !== 'late') party().begin();
      for (let number = 0; number < each.publishes; number++) {
        party().settle(writer, number);
        writer.publish(message(index, number));
        note(() => ({ published: index * 16 + number + 1 }));
      }
    },
    mayWait(world, index) {
      return 'reads' in (parties[index] as LatestParty) && hasLast(world, index);
    },
  };
}

function nameOf({ parties, processor }: LatestShape): string {
  const describe = (each: LatestParty): string =>
    'reads' in each
      ? `reader${each.reads === 'all' ? '' : ` of ${each.reads}`}`
      : `${each.opens === undefined ? '' : 'late '}writer of ${each.publishes}`;
  return `latest value${processor === undefined ? '' : ` on ${processor}`}, ${parties.map(describe).join(' + ')}`;
}

/** Whether a reader has seen the last value whose publishing has returned. */
function hasLast({ record }: World, index: number): boolean {
  const { published, seen } = record as LatestRecord;
  return (seen[index] ?? 0) >= published;
}

function readAll(reader: LatestReader): void {
  for (;;) {
    party().settle(reader);
    readOnce(reader);
    reader.waitSync();
  }
}

function readOnce(reader: LatestReader): void {
  const { index } = party();
  const bytes = reader.read();
  if (bytes === undefined) return;
  const { by, number } = readMessage(bytes);
  // A later writer comes behind everything of the one before, whose last value may have been published by a dying hand.
  const place = by * 16 + number + 1;
  note(({ seen }) => {
    if (place < (seen[index] ?? 0)) throw new Violation('an older value came after a newer one');
    return { seen: seen.with(index, place) };
  });
}

function note(entry: (record: LatestRecord) => Partial<LatestRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as LatestRecord) };
  });
}
