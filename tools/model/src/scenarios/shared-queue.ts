/**
 * The queue in shared memory of `@ipc/mq`, both lanes of it: the ring, without a lock, and the cells behind a guard with an undo log; and
 * the blocks of long messages, which both lanes name.
 * Every message once, none lost but what a consumer had just been given when it died, in the order of its producer within a
 * priority, the higher priority first, nobody asleep beside a message, or beside room, also where its maker died before it rang, and what the dead held
 * is there again.
 */
import type { Scenario } from '../explore.ts';
import { party } from '../party.ts';
import { hidden, type Edit } from '../source.ts';
import { loopState, runLoop } from '../thread.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import type { Sent, Spelling } from './ends.ts';
import { message, messageBytes, readMessage } from './messages.ts';
import { mqSource, type QueuePlan } from './mq-source.ts';

/** `small` goes through the ring, so does `long`, in blocks; `timed` is of the same priority and in a cell, `urgent` of a higher one. */
export type QueuedKind = 'small' | 'long' | 'timed' | 'urgent';

export type SharedQueueParty =
  /** `before`: so many of them while all set up. */
  | { readonly sends: readonly QueuedKind[]; readonly spelling: Spelling; readonly before?: number }
  /** `leases`: takes each message under a lease, and then acknowledges it. */
  | { readonly receives: Spelling; readonly leases?: true };

export interface SharedQueueShape {
  readonly parties: readonly SharedQueueParty[];
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface SharedQueueRecord extends Record<string, unknown> {
  /** Messages whose sending has returned. */
  readonly sent: readonly Sent[];
  /** In the order in which receiving, or acknowledging, has returned. */
  readonly got: readonly (Sent & { readonly receiver: number })[];
  /** For each party: whether it is in a call that takes a message out for good. */
  readonly taking: readonly boolean[];
  /** For each receiver that died while taking: what the memory did not have any more, of which it may have had one. */
  readonly lost: readonly (readonly Sent[])[];
  readonly deadReceivers: number;
}

interface Port {
  attach(events: { room(): void; ready(): void; fail(error: Error): void }): void;
  push(message: Uint8Array, priority: number, timing?: { delayMs: number; ttlMs: number }): boolean;
  pull(leaseMs?: number): { readonly bytes: Uint8Array; acknowledge?(): boolean } | undefined;
  awaitRoom(on: boolean): void;
  awaitMessage(on: boolean): void;
  blockForRoom(timeoutMs: number): void;
  blockForMessage(timeoutMs: number): void;
}

/** Two slots, two cells, and blocks, of the size of a cell here, for two long messages. */
const [cellBytes, ringSlots, cells, blocks] = [128, 2, 2, 5];
const capacityBytes = 1280;
/** Two blocks. */
const longBytes = 136;
const leaseMs = 1e6;
/** Longer than any run. */
const inTime = { delayMs: 0, ttlMs: 1e6 };

// Of shared-layout.ts and slot-ring-layout.ts.
const stateWords = 32;
const [logLength, logEntries] = [32, 34];
const summary = 544;
const behindRing = 592 + 2 * 1025;
const [cellState, cellLength, cellBlock, headerBytes] = [1, 2, 6, 64];
/** Kinds of slots whose message is still there: published; being moved into a cell; under a lease. */
const holding: readonly number[] = [2, 3, 6];

/** @param edits - Changes of the source: none checks what is shipped. */
export function sharedQueue(shape: SharedQueueShape, edits: readonly Edit[] = []): Scenario {
  const { parties, deaths, mortals } = shape;
  const source = mqSource(edits);
  const participants = parties.length;
  const plan = source.plan({ cellBytes, cells, participants, ringSlots, blocks });
  const options = { capacityBytes, cellBytes, participants, maxAttempts: 0 };
  const isReceiver = (index: number): boolean => 'receives' in (parties[index] as SharedQueueParty);
  const hasReceiver = ({ dead }: World): boolean =>
    parties.some((_, index) => isReceiver(index) && dead[index] !== true);
  return {
    name: nameOf(shape),
    parties: participants,
    memoryBytes: plan.bytes,
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    races: (word, writes) => isRacing(plan, word, writes, source.isInside()),
    record: {
      sent: [],
      got: [],
      taking: parties.map(() => false),
      lost: [],
      deadReceivers: 0,
    } satisfies SharedQueueRecord,
    program(index) {
      const { SharedQueue, memory } = source.fresh();
      const port = hidden(SharedQueue.openOrCreate('model', options), 'port') as Port;
      const settle = (...locals: readonly unknown[]): void => {
        party().settle(port, memory, loopState(), ...locals);
      };
      const each = parties[index] as SharedQueueParty;
      if ('sends' in each) {
        if (each.spelling === 'sync') sendSync(port, each, settle);
        else sendAsync(port, each, settle);
        return;
      }
      party().begin();
      const receiver = new Receiver(port, each.leases === true, parties, settle);
      if (each.receives === 'sync') receiver.runSync();
      else receiver.runAsync();
    },
    died(world, index) {
      if (!isReceiver(index)) return;
      const record = world.record as SharedQueueRecord;
      const { taking, lost, deadReceivers } = record;
      world.record = {
        ...record,
        deadReceivers: deadReceivers + 1,
        lost: taking[index] === true ? [...lost, gone(world, plan, parties)] : lost,
      };
    },
    mayWait(world, index) {
      if (isReceiver(index)) return missing(world) === 0;
      return !hasReceiver(world) && !(isForRing(parties[index]) && hasFreeSlot(world, plan));
    },
    ended(world) {
      if (hasReceiver(world) && missing(world) > 0) throw new Violation('messages are missing');
    },
  };
}

function nameOf({ parties }: SharedQueueShape): string {
  const describe = (each: SharedQueueParty): string => {
    if ('receives' in each) return `${each.receives} ${each.leases === true ? 'leaser' : 'consumer'}`;
    const { before = 0, sends, spelling } = each;
    const [first, rest] = [sends.slice(0, before), sends.slice(before)].map((kinds) => kinds.join(', '));
    return `${spelling} producer of ${[first, rest].filter((text) => text !== '').join(' + ')}`;
  };
  return `shared queue, ${parties.map(describe).join(' | ')}`;
}

/**
 * What is read plainly outside the guard while it changes inside: the state. There, one store after the other follows its entry in the
 * log, whose length is what others see change, and the place at which one may die. All of the ring is outside.
 */
function isRacing(
  { claims, states, cells }: QueuePlan,
  word: number,
  writes: boolean,
  isInside: boolean,
): boolean {
  if (word >= claims >> 2 && word < states >> 2) return true;
  // A message is copied before it is received; whoever writes it has the slot.
  if (word >= states >> 2 && word < cells >> 2) return !writes;
  if (isInside) return writes && word === logLength;
  return word < stateWords || word === logLength || word === summary || word === behindRing;
}

/** Whether all that a party sends needs no more than a slot. */
function isForRing(party: SharedQueueParty | undefined): boolean {
  return party !== undefined && 'sends' in party && party.sends.every((kind) => kind === 'small');
}

function hasFreeSlot({ memory }: World, { states }: QueuePlan): boolean {
  return Array.from({ length: ringSlots }, (_, slot) => memory[states / 4 + 2 * slot] as number).some(
    (state) => ((state >> 8) & 7) === 0,
  );
}

function payloadOf(kind: QueuedKind, by: number, number: number): Uint8Array {
  const short = message(by, number);
  if (kind !== 'long') return short;
  const long = new Uint8Array(longBytes);
  long.set(short);
  return long;
}

function priorityOf(kind: QueuedKind): number {
  return kind === 'urgent' ? 1 : 0;
}

/** Says that what follows depends on nothing but what the queue and its thread remember, and these. */
type Settle = (...locals: readonly unknown[]) => void;

type Sending = Extract<SharedQueueParty, { readonly sends: unknown }>;

function pushOne(port: Port, { sends }: Sending, number: number): boolean {
  const kind = sends[number] as QueuedKind;
  const { index } = party();
  if (!port.push(payloadOf(kind, index, number), priorityOf(kind), kind === 'timed' ? inTime : undefined))
    return false;
  note(({ sent }) => ({ sent: [...sent, { by: index, number }] }));
  return true;
}

function sendSync(port: Port, sending: Sending, settle: Settle): void {
  for (let number = 0; number < sending.sends.length; number++) {
    if (number === (sending.before ?? 0)) party().begin();
    for (;;) {
      settle(number);
      if (pushOne(port, sending, number)) break;
      settle(number, 'full');
      port.blockForRoom(-1);
    }
  }
  party().begin();
}

function sendAsync(port: Port, sending: Sending, settle: Settle): void {
  let number = 0;
  const isDone = (): boolean => number === sending.sends.length;
  const room = (): void => {
    while (!isDone() && pushOne(port, sending, number)) number++;
    if (isDone()) port.awaitRoom(false);
  };
  port.attach({ room, ready: () => undefined, fail: raise });
  while (number < (sending.before ?? 0)) {
    if (!pushOne(port, sending, number++)) throw new Violation('there is no room for what comes before');
  }
  party().begin();
  room();
  if (isDone()) return;
  port.awaitRoom(true);
  runLoop(isDone, () => {
    settle(number);
  });
}

class Receiver {
  readonly #port: Port;
  readonly #leases: boolean;
  readonly #parties: readonly SharedQueueParty[];
  readonly #settle: Settle;

  constructor(port: Port, leases: boolean, parties: readonly SharedQueueParty[], settle: Settle) {
    this.#port = port;
    this.#settle = settle;
    this.#leases = leases;
    this.#parties = parties;
  }

  runSync(): never {
    for (;;) {
      this.#settle();
      if (this.#pull()) continue;
      this.#settle('empty');
      this.#port.blockForMessage(-1);
    }
  }

  runAsync(): void {
    const ready = (): void => {
      while (this.#pull());
    };
    this.#port.attach({ room: () => undefined, ready, fail: raise });
    this.#port.awaitMessage(true);
    runLoop(
      () => false,
      () => {
        this.#settle();
      },
    );
  }

  #pull(): boolean {
    const { index } = party();
    const due = party().along(({ record }) => this.#highestDue(record as SharedQueueRecord)) as number;
    if (!this.#leases) note(({ taking }) => ({ taking: taking.with(index, true) }));
    const found = this.#port.pull(this.#leases ? leaseMs : 0);
    if (found === undefined) {
      note(({ taking }) => ({ taking: taking.with(index, false) }));
      return false;
    }
    const one = readMessage(found.bytes.subarray(0, messageBytes));
    const kind = (this.#parties[one.by] as Sending).sends[one.number] as QueuedKind;
    if (found.bytes.length !== (kind === 'long' ? longBytes : messageBytes)) {
      throw new Violation(`a message of ${found.bytes.length} bytes`);
    }
    if (priorityOf(kind) < due)
      throw new Violation(`message ${one.number} comes before one that is more urgent`);
    if (this.#leases) {
      note(({ taking }) => ({ taking: taking.with(index, true) }));
      if (found.acknowledge?.() !== true) throw new Violation('a lease ended by itself');
    }
    note((record) => ({ ...this.#got(record, one, index), taking: record.taking.with(index, false) }));
    return true;
  }

  /** The priority that must come next at least; -1 where others may be taking it. */
  #highestDue({ sent, got }: SharedQueueRecord): number {
    if (this.#parties.filter((each) => 'receives' in each).length > 1) return -1;
    const priorities = sent
      .filter(({ by, number }) => !got.some((one) => one.by === by && one.number === number))
      .map(({ by, number }) => priorityOf((this.#parties[by] as Sending).sends[number] as QueuedKind));
    return Math.max(-1, ...priorities);
  }

  #got(
    { got, deadReceivers }: SharedQueueRecord,
    { by, number }: Sent,
    receiver: number,
  ): Partial<SharedQueueRecord> {
    const { sends } = this.#parties[by] as Sending;
    const priority = priorityOf(sends[number] as QueuedKind);
    if (got.some((one) => one.by === by && one.number === number))
      throw new Violation(`message ${number} of ${by} came twice`);
    // What a dead consumer had begun to take comes later than its turn.
    const isLate = got.some(
      (one) =>
        one.receiver === receiver &&
        one.by === by &&
        one.number > number &&
        priorityOf(sends[one.number] as QueuedKind) === priority,
    );
    if (isLate && deadReceivers === 0) throw new Violation(`message ${number} of ${by} came too late`);
    return { got: [...got, { by, number, receiver }] };
  }
}

/** Messages that nobody has got, and that the memory has no more, or not yet. */
function gone({ memory, record }: World, plan: QueuePlan, parties: readonly SharedQueueParty[]): Sent[] {
  const { sent, got } = record as SharedQueueRecord;
  const mended = memory.slice();
  for (let entry = (mended[logLength] as number) - 1; entry >= 0; entry--) {
    mended[mended[logEntries + 2 * entry] as number] = mended[logEntries + 2 * entry + 1] as number;
  }
  const held = new Set<number>();
  const firstWord = (length: number, at: number, block: number): number =>
    mended[length > cellBytes ? (plan.blocks + (block - 1) * cellBytes) >> 2 : at] as number;
  for (let slot = 0; slot < ringSlots; slot++) {
    const [state, length] = mended.subarray(plan.states / 4 + 2 * slot) as unknown as [number, number];
    const at = (plan.payloads + slot * cellBytes) >> 2;
    if (length >= 0 && holding.includes((state >> 8) & 7))
      held.add(firstWord(length, at, mended[at] as number));
  }
  for (let cell = 0; cell < cells; cell++) {
    const at = (plan.cells + cell * (headerBytes + cellBytes)) >> 2;
    if (mended[at + cellState] === 0) continue;
    held.add(
      firstWord(mended[at + cellLength] as number, at + headerBytes / 4, mended[at + cellBlock] as number),
    );
  }
  return parties.flatMap((each, by) => {
    if (!('sends' in each)) return [];
    const begun = Math.min(each.sends.length, sent.filter((one) => one.by === by).length + 1);
    return Array.from({ length: begun }, (_, number) => ({ by, number })).filter(
      ({ number }) =>
        !got.some((one) => one.by === by && one.number === number) &&
        !held.has(new Int32Array(message(by, number).buffer)[0] as number),
    );
  });
}

/** How many of the messages that were sent are missing, beyond one for each of the dead that may have had it. */
function missing({ record }: World): number {
  const { sent, got, lost } = record as SharedQueueRecord;
  const left = lost.slice();
  return sent.filter(({ by, number }) => {
    if (got.some((one) => one.by === by && one.number === number)) return false;
    const at = left.findIndex((had) => had.some((one) => one.by === by && one.number === number));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  }).length;
}

function raise(error: Error): never {
  throw error;
}

function note(entry: (record: SharedQueueRecord) => Partial<SharedQueueRecord>): void {
  party().along((world) => {
    world.record = { ...world.record, ...entry(world.record as SharedQueueRecord) };
  });
}
