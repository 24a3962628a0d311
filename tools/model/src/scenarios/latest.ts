/** The latest value: never torn, never older than what was seen, nobody asleep beside a new one. */
import type { LatestReader, LatestWriter } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import { hidden, type Edit } from '../source.ts';
import { loopState, runLoop, type LoopPromise } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { Processor } from '../weak-memory.ts';
import type { World } from '../world.ts';
import { message, messageBytes, readMessage } from './messages.ts';
import { shmSource } from './shm-source.ts';

export type LatestParty =
  /** Publishes so many values; `opens: 'late'`: only if there is no other writer by then. */
  | { readonly publishes: number; readonly opens?: 'late' }
  /** Reads so often, or waits until there is nothing new to come: blocking, or on the event loop. */
  | { readonly reads: number | 'all' | 'all on the loop' };

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
const lineBytes = 128;

/** @param edits - Changes of the source: none checks what is shipped. */
export function latest(shape: LatestShape, edits: readonly Edit[] = []): Scenario {
  const { parties, deaths, mortals, processor } = shape;
  const source = shmSource(edits, 'latest-writer', 'latest-reader');
  const participants = parties.filter((each) => isOnLoop(each)).length;
  return {
    name: nameOf(shape),
    parties: parties.length,
    memoryBytes: 4 * slotsEndWord + participants * lineBytes,
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    ...(processor === undefined ? {} : { processor }),
    races: (word) => word >= slotsAtWord && word < slotsEndWord,
    record: { published: 0, seen: parties.map(() => 0) } satisfies LatestRecord,
    program(index) {
      const { LatestReader, LatestWriter } = source();
      const each = parties[index] as LatestParty;
      if ('reads' in each) {
        const reader = LatestReader.open('model');
        if (isOnLoop(each)) readOnLoop(reader);
        party().begin();
        if (each.reads === 'all') readAll(reader);
        else for (let left = Number(each.reads); left > 0; left--) readOnce(reader);
        return;
      }
      if (each.opens === 'late') party().begin();
      let writer: LatestWriter;
      try {
        writer = LatestWriter.open('model', { maxBytes: messageBytes, participants });
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
      ? `reader${each.reads === 'all' ? '' : isOnLoop(each) ? ' on the event loop' : ` of ${each.reads}`}`
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

/** As `next`, for ever. Takes part from the start. */
function readOnLoop(reader: LatestReader): never {
  const wait = (hidden(reader, 'wait') as () => object).call(reader);
  // What its `wait` is made of: an async function cannot be stopped.
  const takers = hidden(wait, 'takers');
  const take = (hidden(wait, 'take') as () => Uint8Array | undefined).bind(wait);
  const awaited = (hidden(wait, 'await') as (queue: unknown) => LoopPromise<Uint8Array>).bind(wait);
  party().begin();
  for (;;) {
    let value = take();
    if (value === undefined) {
      awaited(takers).then((next) => (value = next), undefined);
      runLoop(
        () => value !== undefined,
        () => {
          party().settle(reader, loopState());
        },
      );
    }
    saw(value as Uint8Array);
    party().settle(reader, loopState());
  }
}

function isOnLoop(each: LatestParty): boolean {
  return 'reads' in each && each.reads === 'all on the loop';
}

function readOnce(reader: LatestReader): void {
  const bytes = reader.read();
  if (bytes !== undefined) saw(bytes);
}

function saw(bytes: Uint8Array): void {
  const { index } = party();
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
