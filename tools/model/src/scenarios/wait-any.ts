/** A thread that blocks for several queues at once: it does not sleep beside a message in any of them, and the one it names has one. */
import type { Consumer } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import { message, messageBytes, readMessage } from './messages.ts';
import { shmSource } from './shm-source.ts';

export interface WaitAnyShape {
  /** What each of the other parties sends, message by message: into which of the two queues. */
  readonly senders: readonly (readonly number[])[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface WaitAnyRecord extends Record<string, unknown> {
  /** How many messages each party has sent. */
  readonly sent: readonly number[];
  /** Those that were received, by their senders. */
  readonly got: readonly (readonly number[])[];
}

const queues = [0, 1];
const slots = 2;

/** The waiting party is the first one. @param edits - Changes of the source: none checks what is shipped. */
export function waitAny({ senders, deaths, mortals }: WaitAnyShape, edits: readonly Edit[] = []): Scenario {
  const source = shmSource(edits, 'queue-producer', 'queue-consumer', 'wait-any-sync');
  const parties = senders.length + 1;
  const options = { slots, maxMessageBytes: messageBytes, participants: parties };
  const bytes = 4 * (160 + parties * 32 + slots * 16);
  const nameOf = (queue: number): string => `model at ${queue * bytes}`;
  return {
    name: `wait for any of 2 queues, ${senders.map((each) => `sender to ${each.join(', ')}`).join(' + ')}`,
    parties,
    memoryBytes: queues.length * bytes,
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: {
      sent: Array.from({ length: parties }, () => 0),
      got: Array.from({ length: parties }, () => []),
    } satisfies WaitAnyRecord,
    program(index) {
      const { Consumer, Producer, SlotMemory, waitAnySync } = source();
      for (const queue of queues) SlotMemory.openOrCreate(nameOf(queue), 'mpmc', 0, options);
      if (index === 0) {
        const consumers = queues.map((queue) => Consumer.open(nameOf(queue), options));
        party().begin();
        for (;;) {
          party().settle(consumers);
          const at = waitAnySync(consumers);
          take(consumers[at ?? -1]);
        }
      }
      const producers = queues.map((queue) => Producer.open(nameOf(queue), options));
      party().begin();
      for (const [number, queue] of (senders[index - 1] ?? []).entries()) {
        party().settle(producers, number);
        producers[queue]?.sendSync(message(index, number));
        note(({ sent }) => ({ sent: sent.with(index, number + 1) }));
      }
    },
    mayWait(world, index) {
      return index === 0 ? !isMissing(world) : world.dead[0] === true;
    },
    ended(world) {
      if (world.dead[0] !== true && isMissing(world)) throw new Violation('messages are missing');
    },
  };
}

function take(consumer: Consumer | undefined): void {
  if (consumer === undefined) throw new Violation('woken for nothing');
  const bytes = consumer.tryReceive();
  const hasDead = party().along(({ dead }) => dead.includes(true)) as boolean;
  if (bytes === undefined) {
    if (hasDead) return; // its message was on the way
    throw new Violation('what it names has nothing');
  }
  const { by, number } = readMessage(bytes);
  note(({ got }) => {
    const before = got[by] ?? [];
    if (before.includes(number)) throw new Violation(`message ${number} of ${by} came twice`);
    return { got: got.with(by, [...before, number].sort()) };
  });
}

function isMissing({ record }: World): boolean {
  const { sent, got } = record as WaitAnyRecord;
  return sent.some((count, by) => (got[by]?.length ?? 0) < count);
}

function note(entry: (record: WaitAnyRecord) => Partial<WaitAnyRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as WaitAnyRecord) };
  });
}
