/**
 * The ring of records of many writers and one reader: every message once, whole, in the order of its sender, none lost or doubled but
 * one that a reader was at when it died; what a writer had only claimed is skipped; nobody asleep beside a message or beside room.
 */
import type { MpscReceiver } from '@ipc/shm';
import type { Scenario } from '../explore.ts';
import { idle, party } from '../party.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import type { Sent } from './ends.ts';
import { message, messageBytes, readMessage } from './messages.ts';
import { shmSource } from './shm-source.ts';

/**
 * `long` takes two of the four units, so that there is not always room for it before the ring's end; the others take one. `claimed` and
 * `aborted` are claims, `left` one that never ends: only the death of its sender lets the receiver go on behind it.
 */
export type RecordKind = 'short' | 'long' | 'claimed' | 'aborted' | 'left';

export type RecordsParty =
  /** `before`: so many of them while all set up. */
  | { readonly sends: readonly RecordKind[]; readonly before?: number }
  /** `opens: 'late'`: goes on where another one died, if it did by then. */
  | { readonly receives: 'all'; readonly opens?: 'late' };

export interface RecordsShape {
  readonly parties: readonly RecordsParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface RecordsRecord extends Record<string, unknown> {
  /** Messages whose sending has returned. */
  readonly sent: readonly Sent[];
  /** In the order in which receiving has returned. */
  readonly got: readonly (Sent & { readonly receiver: number })[];
  readonly deadReceivers: readonly number[];
}

const [unitBytes, units] = [64, 4];
const longBytes = 72;
const participantsAt = 160;

/** A ring of four units, of which a message may take two. */
const smaller: readonly Edit[] = [
  {
    file: 'packages/shm/src/mpsc-layout.ts',
    from: 'const MIN_CAPACITY_BYTES: number = 2 ** 11;',
    to: 'const MIN_CAPACITY_BYTES: number = 2 ** 8;',
  },
  {
    file: 'packages/shm/src/mpsc-layout.ts',
    from: 'return Math.min(capacityBytes / 4, MAX_LENGTH);',
    to: 'return Math.min(capacityBytes / 2, MAX_LENGTH);',
  },
];

/** @param edits - Changes of the source: none checks what is shipped. */
export function records(shape: RecordsShape, edits: readonly Edit[] = []): Scenario {
  const { parties, deaths, mortals } = shape;
  const source = shmSource([...smaller, ...edits], 'mpsc-sender', 'mpsc-receiver');
  const options = { capacityBytes: units * unitBytes, participants: parties.length };
  const hasReceiver = ({ dead }: World): boolean =>
    parties.some((each, index) => 'receives' in each && each.opens === undefined && dead[index] !== true);
  return {
    name: nameOf(shape),
    parties: parties.length,
    memoryBytes: 4 * (participantsAt + parties.length * 32) + units * (unitBytes + 4),
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: { sent: [], got: [], deadReceivers: [] } satisfies RecordsRecord,
    program(index) {
      const { MpscReceiver, MpscSender } = source();
      const each = parties[index] as RecordsParty;
      if ('sends' in each) {
        const sender = MpscSender.open('model', options);
        for (const [number, kind] of each.sends.entries()) {
          if (number === (each.before ?? 0)) party().begin();
          party().settle(sender, number);
          const bytes = payloadOf(kind, index, number);
          if (kind === 'short' || kind === 'long') sender.sendSync(bytes);
          else {
            const claim = sender.tryClaim(bytes.length);
            if (claim === undefined) throw new Violation('a claim is to find room');
            claim.bytes.set(bytes);
            if (kind === 'claimed') claim.commit();
            else if (kind === 'aborted') claim.abort();
          }
          if (kind !== 'aborted' && kind !== 'left')
            note(({ sent }) => ({ sent: [...sent, { by: index, number }] }));
        }
        party().begin();
        if (each.sends.includes('left')) idle();
        return;
      }
      if (each.opens === 'late') party().begin();
      let receiver: MpscReceiver;
      try {
        receiver = MpscReceiver.open('model', options);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ERR_IPC_EXISTS') return;
        throw error;
      }
      if (each.opens === undefined) party().begin();
      for (;;) {
        party().settle(receiver);
        const bytes = receiver.receiveSync();
        if (bytes === undefined) throw new Violation('woken for nothing');
        got(bytes, parties);
      }
    },
    died(world, index) {
      if ('sends' in (parties[index] as RecordsParty)) return;
      const record = world.record as RecordsRecord;
      world.record = { ...record, deadReceivers: [...record.deadReceivers, index] };
    },
    mayWait(world, index) {
      if ('sends' in (parties[index] as RecordsParty)) return !hasReceiver(world);
      return missing(world) === 0 || isHeldUp(world, parties);
    },
    ended(world) {
      if (hasReceiver(world) && missing(world) > 0 && !isHeldUp(world, parties))
        throw new Violation('messages are missing');
    },
  };
}

function nameOf({ parties }: RecordsShape): string {
  const describe = (each: RecordsParty): string => {
    if ('receives' in each) return `${each.opens === undefined ? '' : 'late '}receiver`;
    const { sends, before = 0 } = each;
    const texts = [sends.slice(0, before).join(', '), sends.slice(before).join(', ')];
    return `sender of ${texts.filter((text) => text !== '').join(' + ')}`;
  };
  return `ring of records, ${parties.map(describe).join(' | ')}`;
}

function payloadOf(kind: RecordKind, by: number, number: number): Uint8Array {
  const bytes = new Uint8Array(kind === 'long' ? longBytes : messageBytes);
  bytes.set(message(by, number));
  return bytes;
}

function got(bytes: Uint8Array, parties: readonly RecordsParty[]): void {
  const { by, number } = readMessage(bytes.subarray(0, messageBytes));
  const { sends } = parties[by] as Extract<RecordsParty, { readonly sends: unknown }>;
  const kind = sends[number] as RecordKind;
  if (kind === 'aborted' || kind === 'left')
    throw new Violation('a claim was received that was not committed');
  if (bytes.length !== (kind === 'long' ? longBytes : messageBytes))
    throw new Violation(`a message of ${bytes.length} bytes`);
  const { index: receiver } = party();
  note((record) => {
    const same = record.got.find((one) => one.by === by && one.number === number);
    if (same !== undefined) {
      const last = record.got.findLast((one) => one.receiver === same.receiver);
      const isAllowed = last === same && record.deadReceivers.includes(same.receiver);
      if (!isAllowed) throw new Violation(`message ${number} of ${by} came twice`);
    } else if (record.got.some((one) => one.by === by && one.number > number)) {
      throw new Violation(`message ${number} of ${by} came too late`);
    }
    return { got: [...record.got, { by, number, receiver }] };
  });
}

/** Whether a living sender does not end its claim. */
function isHeldUp({ dead }: World, parties: readonly RecordsParty[]): boolean {
  return parties.some(
    (each, index) => 'sends' in each && each.sends.includes('left') && dead[index] !== true,
  );
}

/** How many messages are missing, beyond one for each receiver that died: it may have had it. */
function missing({ record }: World): number {
  const { sent, got, deadReceivers } = record as RecordsRecord;
  const absent = sent.filter(({ by, number }) => !got.some((one) => one.by === by && one.number === number));
  return Math.max(0, absent.length - deadReceivers.length);
}

function note(entry: (record: RecordsRecord) => Partial<RecordsRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as RecordsRecord) };
  });
}
