/**
 * What many send into and each message of which one receives: the queue of many consumers, and the ring of records with one.
 * Every message once, in the order of its sender, none lost but what a consumer had when it died, nobody asleep beside one.
 */
import type { Consumer } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { idle, party } from '../party.ts';
import type { Edit } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import { receiveAll, sendAll, type Sent, type Spelling } from './ends.ts';
import { messageBytes, readMessage } from './messages.ts';
import { shmSource } from './shm-source.ts';

export type QueueParty =
  /** `before`: so many of them while all set up. */
  | { readonly sends: number; readonly spelling: Spelling; readonly before?: number }
  | { readonly receives: Spelling }
  /** Takes so many that are there, and is idle: in a thread that blocks, or behind one turn of its event loop. */
  | { readonly takes: number; readonly spelling: Spelling };

export interface QueueShape {
  readonly slots: number;
  readonly parties: readonly QueueParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
  /** How much room makes one wake-up of producers. @default as shipped: for so few slots each bit of it */
  readonly quantum?: number;
}

interface QueueRecord extends Record<string, unknown> {
  /** Messages whose sending has returned. */
  readonly sent: readonly Sent[];
  /** In the order in which receiving has returned. */
  readonly got: readonly (Sent & { readonly receiver: number })[];
  /** Receivers that died: each may have had one message that it did not return any more; not one that it was still taking. */
  readonly lost: number;
}

const tableWords = 160;
const slotWords = 16;

/** @param edits - Changes of the source: none checks what is shipped. */
export function queue(shape: QueueShape, edits: readonly Edit[] = []): Scenario {
  const { slots, parties, deaths, mortals } = shape;
  const quantum: Edit[] =
    shape.quantum === undefined
      ? []
      : [
          {
            file: 'packages/shm/src/queue-consumer.ts',
            from: 'memory.slots >>> 3',
            to: String(shape.quantum),
          },
        ];
  const source = shmSource([...quantum, ...edits], 'queue-producer', 'queue-consumer');
  const options = { slots, maxMessageBytes: messageBytes, participants: parties.length };
  const describe = (each: QueueParty): string =>
    'receives' in each
      ? `${each.receives} consumer`
      : 'takes' in each
        ? `${each.spelling} consumer that takes ${each.takes}`
        : `${each.spelling} producer of ${each.before === undefined ? '' : `${each.before} + `}${each.sends - (each.before ?? 0)}`;
  return {
    name: `queue of ${slots} slots${shape.quantum === undefined ? '' : `, wake-ups for ${shape.quantum}`}, ${parties.map(describe).join(' + ')}`,
    parties: parties.length,
    memoryBytes: 4 * (tableWords + parties.length * 32 + slots * slotWords),
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: { sent: [], got: [], lost: 0 } satisfies QueueRecord,
    program(index) {
      const { Consumer, Producer, SlotMemory } = source();
      SlotMemory.openOrCreate('model', 'mpmc', 0, options);
      const each = parties[index] as QueueParty;
      if ('sends' in each) {
        sendAll(Producer.open('model', options), each.sends, each.spelling, each.before ?? 0, (one) => {
          note(({ sent }) => ({ sent: [...sent, one] }));
        });
        return;
      }
      const consumer = Consumer.open('model');
      party().begin();
      if ('takes' in each) takeSome(consumer, each.takes, each.spelling);
      else receiveAll(consumer, each.receives, got);
    },
    died(world, index) {
      if ('sends' in (parties[index] as QueueParty) || hasTaken(world, index, parties.length, slots)) return;
      const record = world.record as QueueRecord;
      world.record = { ...record, lost: record.lost + 1 };
    },
    mayWait(world, index) {
      const each = parties[index] as QueueParty;
      if ('sends' in each) return !hasReceiver(world, parties) && !isPassedOver(world, shape);
      return missing(world) === 0;
    },
    ended(world) {
      if (hasReceiver(world, parties) && missing(world) > 0) throw new Violation('messages are missing');
    },
  };
}

function takeSome(consumer: Consumer, count: number, spelling: Spelling): void {
  for (let taken = 0; taken < count; taken++) {
    party().settle(consumer, taken, loopState());
    const bytes = spelling === 'sync' ? consumer.receiveSync() : consumer.tryReceive();
    if (bytes === undefined) throw new Violation('what was sent before all began is not there');
    got(readMessage(bytes));
  }
  if (spelling === 'async') {
    runLoop(
      () => true, // after one turn
      () => undefined,
    );
  }
  idle();
}

/** Whether there is room that those who took it have told nobody of: they live, and do nothing more. */
function isPassedOver({ record, dead }: World, { slots, parties }: QueueShape): boolean {
  if (!parties.some((each, index) => 'takes' in each && dead[index] !== true)) return false;
  const { sent, got } = record as QueueRecord;
  return sent.length - got.length < slots;
}

function hasReceiver({ dead }: World, parties: readonly QueueParty[]): boolean {
  return parties.some((each, index) => 'receives' in each && dead[index] !== true);
}

/** Whether a party is in the middle of taking a message: the slot says so. */
function hasTaken({ memory }: World, index: number, parties: number, slots: number): boolean {
  const taken = (3 << 8) | (index + 1);
  return Array.from({ length: slots }, (_, slot) => tableWords + parties * 32 + slot * slotWords).some(
    (word) => ((memory[word] ?? 0) & 0x3ff) === taken,
  );
}

/** How many messages are missing, beyond those that the dead may have had. */
function missing({ record }: World): number {
  const { sent, got, lost } = record as QueueRecord;
  const absent = sent.filter(
    ({ by, number }) => !got.some((one) => one.by === by && one.number === number),
  ).length;
  return Math.max(0, absent - lost);
}

function got({ by, number }: Sent): void {
  const { index: receiver } = party();
  note((record) => {
    if (record.got.some((one) => one.by === by && one.number === number))
      throw new Violation(`message ${number} of ${by} came twice`);
    // What a dead consumer had begun to take comes later than its turn.
    const isLate = record.got.some(
      (one) => one.receiver === receiver && one.by === by && one.number > number,
    );
    if (isLate && record.lost === 0) throw new Violation(`message ${number} of ${by} came too late`);
    return { got: [...record.got, { by, number, receiver }] };
  });
}

function note(entry: (record: QueueRecord) => Partial<QueueRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as QueueRecord) };
  });
}
