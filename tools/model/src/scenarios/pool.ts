/**
 * Loans: every receiver gets every message that is published while it is there, whole and in order; a chunk is written only while
 * nobody reads it; the chunks of the dead return; nobody asleep beside a message or beside a free chunk.
 */
import type { LoanReceiver } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import { message, messageBytes, readMessage } from './messages.ts';
import { shmSource } from './shm-source.ts';

export type PoolParty =
  /** `before`: so many of them while all set up. `opens: 'late'`: goes on where another one died, if it did by then. */
  | { readonly publishes: number; readonly before?: number; readonly opens?: 'late' }
  /** `joins`: only after the set-up, while others are at work. */
  | { readonly borrows: 'all'; readonly joins?: 'late' };

export interface PoolShape {
  readonly chunks: number;
  readonly parties: readonly PoolParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface PoolRecord extends Record<string, unknown> {
  /** Messages whose publishing has returned, numbered across publishers. */
  readonly published: readonly number[];
  /** For each receiver: what had been published when it was there; undefined until then. */
  readonly since: readonly (readonly number[] | undefined)[];
  readonly got: readonly (readonly number[])[];
  readonly deadReceivers: number;
}

/** Of pool-layout.ts. */
const [headerWords, SEQUENCE] = [16, 1];

/** @param edits - Changes of the source: none checks what is shipped. */
export function pool(shape: PoolShape, edits: readonly Edit[] = []): Scenario {
  const { chunks, parties, deaths, mortals } = shape;
  const source = shmSource(edits, 'pool-layout', 'loan-publisher', 'loan-receiver');
  const options = { chunks, chunkBytes: messageBytes, participants: parties.length };
  const { bytes, headers } = source().poolGeometry(options);
  return {
    name: nameOf(shape),
    parties: parties.length,
    memoryBytes: bytes,
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    // Who comes reads the numbers of all messages, and uses those of chunks that somebody holds.
    races: (word) =>
      word >= headers && word < headers + chunks * headerWords && word % headerWords === SEQUENCE,
    record: {
      published: [],
      since: parties.map(() => undefined),
      got: parties.map(() => []),
      deadReceivers: 0,
    } satisfies PoolRecord,
    program(index) {
      const { LoanPublisher, LoanReceiver } = source();
      const each = parties[index] as PoolParty;
      if ('publishes' in each) {
        if (each.opens === 'late') party().begin();
        const publisher = orTaken(() => LoanPublisher.open('model', options));
        if (publisher === undefined) return;
        for (let number = 0; number < each.publishes; number++) {
          if (number === (each.before ?? 0) && each.opens === undefined) party().begin();
          party().settle(publisher, number);
          const loan = publisher.loanSync();
          if (loan === undefined) throw new Violation('woken for nothing');
          loan.bytes.set(message(index, number));
          loan.publish();
          note(({ published }) => ({ published: [...published, index * 16 + number] }));
        }
        if (each.opens === undefined) party().begin();
        return;
      }
      if (each.joins === 'late') party().begin();
      // What a publisher made: whoever is there first.
      const first = parties.findIndex((other) => 'publishes' in other);
      if (index < first) throw new Violation('the first party has to publish');
      const receiver = LoanReceiver.open('model');
      note(({ published, since }) => ({ since: since.with(index, published) }));
      if (each.joins !== 'late') party().begin();
      borrowAll(receiver);
    },
    died(world, index) {
      if ('publishes' in (parties[index] as PoolParty)) return;
      const record = world.record as PoolRecord;
      world.record = { ...record, deadReceivers: record.deadReceivers + 1 };
    },
    mayWait(world, index) {
      if ('borrows' in (parties[index] as PoolParty)) return hasAll(world, index);
      return !parties.some((each, other) => 'borrows' in each && world.dead[other] !== true);
    },
    ended(world) {
      const { published, since, got, deadReceivers } = world.record as PoolRecord;
      const isReceived = since.some((before, index) => before !== undefined && world.dead[index] !== true);
      if (!isReceived) return;
      const nobodys = published.filter((number) => !got.some((mine) => mine.includes(number)));
      if (nobodys.length > deadReceivers) throw new Violation('what waited for a receiver was lost');
    },
  };
}

function nameOf({ chunks, parties }: PoolShape): string {
  const describe = (each: PoolParty): string => {
    if ('borrows' in each) return `${each.joins === undefined ? '' : 'late '}receiver`;
    const { publishes, before = 0, opens } = each;
    return `${opens === undefined ? '' : 'late '}publisher of ${before === 0 ? '' : `${before} + `}${publishes - before}`;
  };
  return `pool of ${chunks} chunks, ${parties.map(describe).join(' + ')}`;
}

/** What `open` returns; undefined where somebody alive has that place. */
function orTaken<Opened>(open: () => Opened): Opened | undefined {
  try {
    return open();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_IPC_EXISTS') return undefined;
    throw error;
  }
}

function borrowAll(receiver: LoanReceiver): never {
  const { index } = party();
  for (;;) {
    party().settle(receiver);
    const borrowed = receiver.borrowSync();
    if (borrowed === undefined) throw new Violation('woken for nothing');
    const { by, number } = readMessage(borrowed.bytes.slice());
    const place = by * 16 + number;
    note((record) => {
      const mine = record.got[index] ?? [];
      if (mine.includes(place)) throw new Violation(`message ${number} of ${by} came twice`);
      if (mine.some((other) => other > place))
        throw new Violation(`message ${number} of ${by} came too late`);
      return { got: record.got.with(index, [...mine, place]) };
    });
    borrowed.release();
  }
}

/** Whether a receiver has everything that was published while it was there. */
function hasAll({ record }: World, index: number): boolean {
  const { published, since, got } = record as PoolRecord;
  const before = since[index] ?? published;
  return published.every((number) => before.includes(number) || (got[index] ?? []).includes(number));
}

function note(entry: (record: PoolRecord) => Partial<PoolRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as PoolRecord) };
  });
}
