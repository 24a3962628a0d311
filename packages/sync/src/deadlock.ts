import { readdirSync } from 'node:fs';
import { ofdHolder } from '@ipc/native';
import { Region } from '@ipc/shm';
import {
  CONTROL_HIGH_WATER,
  CONTROL_PARTICIPANTS,
  IDENTITY,
  LAYOUT_VERSION,
  LINE_WORDS,
  MAX_PARTICIPANTS,
  SLOT_BELL,
  SLOT_HELD,
  SLOT_LIFE,
  SLOT_MASK,
  SLOT_WAITING,
  SLOT_WANTS,
  SLOTS,
  STATE_OWNER,
} from './lock-layout.ts';
import { infoOf, type ParticipantInfo } from './participant.ts';
import { heldMs, stackOf } from './trace.ts';

/** One party of a {@link Deadlock}: it waits for a lock that the next one in the list holds. */
export interface Deadlocked extends ParticipantInfo {
  /** The lock it waits for: its name and kind, `ledger.mutex`. */
  readonly waitsFor: string;
  /** Whether it blocks its thread; else it waits on the event loop. */
  readonly blocks: boolean;
  /** The lock it holds, for which the one before it in the list waits. */
  readonly holds: string;
  /** How long it has held that, and where it acquired it: if it was opened with `trace`. */
  readonly heldMs: number | undefined;
  readonly stack: string | undefined;
}

/** Parties that wait for each other in a circle. */
export interface Deadlock {
  /** All of them block their threads, so nothing but a kill, or a time-out, will ever change it. Threads that wait on the event loop may go on with other work, and release. */
  readonly certain: boolean;
  readonly parties: readonly Deadlocked[];
}

/** Somebody waits for a lock that another thread holds. Threads are told by their bells. */
interface Edge {
  readonly lock: string;
  readonly from: string;
  readonly to: string;
  readonly waiter: ParticipantInfo;
  readonly blocks: boolean;
  readonly heldMs: number | undefined;
  readonly stack: string | undefined;
  /** The same wait, the same possession: told by the words that change with each. */
  readonly stamp: string;
}

/**
 * Finds threads of this machine that wait for each other's locks in a circle: named mutexes and reader-writer locks that the
 * caller may open. Who waits and who holds is read from the locks themselves, twice: what has moved in between is no deadlock.
 *
 * A thread that waits for itself is one, too. Locks embedded in regions of your own are not seen.
 * Cost: about ten system calls for each lock, and one for each party; nobody is disturbed.
 */
export function findDeadlocks(): readonly Deadlock[] {
  const first = cycles(waits());
  if (first.length === 0) return [];
  const still = new Set(waits().map(({ stamp }) => stamp));
  return first.filter((cycle) => cycle.every(({ stamp }) => still.has(stamp))).map(describe);
}

function describe(cycle: readonly Edge[]): Deadlock {
  const parties = cycle.map((edge, index): Deadlocked => {
    const before = cycle.at(index - 1) as Edge; // -1 is the last: a circle
    return {
      ...edge.waiter,
      waitsFor: edge.lock,
      blocks: edge.blocks,
      holds: before.lock,
      heldMs: before.heldMs,
      stack: before.stack,
    };
  });
  return { certain: parties.every(({ blocks }) => blocks), parties };
}

/** Each circle once, as its edges in order. */
function cycles(edges: readonly Edge[]): Edge[][] {
  const found = new Map<string, Edge[]>();
  const from = byThread(edges);
  const visit = (path: readonly Edge[], start: string): void => {
    for (const edge of from.get(path.at(-1)?.to ?? start) ?? []) {
      if (edge.to === start) {
        const cycle = [...path, edge];
        const key = cycle
          .map(({ stamp }) => stamp)
          .sort()
          .join();
        if (!found.has(key)) found.set(key, cycle);
      } else if (edge.to > start && !path.some((before) => before.from === edge.to))
        visit([...path, edge], start);
    }
  };
  for (const thread of from.keys()) visit([], thread); // and through greater ones only: each circle from its least thread
  return [...found.values()];
}

function byThread(edges: readonly Edge[]): Map<string, Edge[]> {
  const groups = new Map<string, Edge[]>();
  for (const edge of edges) groups.set(edge.from, [...(groups.get(edge.from) ?? []), edge]);
  return groups;
}

/** All waits for locks, as far as one can tell from here. */
function waits(): Edge[] {
  const edges: Edge[] = [];
  for (const file of readdirSync('/dev/shm')) {
    const match = /^ipc-(.+)\.(mutex|rwlock)$/.exec(file);
    if (match === null) continue;
    const [, name = '', kind = ''] = match;
    try {
      using region = Region.open(name, { kind, version: LAYOUT_VERSION });
      edges.push(...waitsFor(region, `${name}.${kind}`));
    } catch {
      // removed meanwhile, another user's, or damaged: nothing to say about it
    }
  }
  return edges;
}

function waitsFor(region: Region, lock: string): Edge[] {
  const { words, descriptor, offset, kind } = region;
  const load = (index: number): number => Atomics.load(words, index);
  const used = Math.min(load(CONTROL_HIGH_WATER), load(CONTROL_PARTICIPANTS), MAX_PARTICIPANTS);
  const slots = Array.from({ length: Math.max(0, used) }, (_, index) => SLOTS + index * LINE_WORDS);
  const isAlive = (slot: number): boolean =>
    (load(slot + SLOT_LIFE) & SLOT_MASK) !== 0 && ofdHolder(descriptor, 'exclusive', offset + slot * 4, 1);
  const owner = load(STATE_OWNER) & IDENTITY;
  const holds = (slot: number): boolean =>
    kind === 'mutex' ? owner !== 0 && load(slot + SLOT_LIFE) === owner : load(slot + SLOT_HELD) !== 0;
  const excludes = (waiter: number, holder: number): boolean =>
    kind === 'mutex' || load(waiter + SLOT_WANTS) !== 0 || load(holder + SLOT_HELD) < 0;

  const holders = slots.filter((slot) => holds(slot) && isAlive(slot));
  const waiters = slots.filter((slot) => load(slot + SLOT_WAITING) !== 0 && isAlive(slot));
  return waiters.flatMap((waiter) =>
    holders
      .filter((holder) => excludes(waiter, holder))
      .flatMap((holder) => {
        const announcement = load(waiter + SLOT_WAITING);
        // One that blocks is between taking the lock and saying that it waits no more: nobody blocks on itself for ever.
        if (holder === waiter && (announcement < 0 || kind !== 'mutex')) return [];
        const identity = load(holder + SLOT_LIFE);
        return {
          lock,
          from: threadOf(words, waiter),
          to: threadOf(words, holder),
          waiter: infoOf(words, waiter),
          blocks: announcement < 0,
          heldMs: heldMs(words, holder),
          stack: stackOf(descriptor, words, holder, identity, 0),
          stamp: `${lock} ${load(waiter + SLOT_LIFE)} ${announcement} ${identity}`,
        };
      }),
  );
}

function threadOf(words: Int32Array, slot: number): string {
  return `${Atomics.load(words, slot + SLOT_BELL)},${Atomics.load(words, slot + SLOT_BELL + 1)}`;
}
