import { ofdHolder } from '@ipc/native';
import { visitAreas, type FoundArea } from './area-scan.ts';
import {
  CONTROL_FLAGS,
  CONTROL_HIGH_WATER,
  CONTROL_LIMIT,
  CONTROL_PARTICIPANTS,
  FLAG_STAY,
  IDENTITY,
  LINE_WORDS,
  SLOT_BELL,
  SLOT_HELD,
  SLOT_LIFE,
  SLOT_MASK,
  SLOT_WAITING,
  SLOT_WANTS,
  SLOTS,
  STATE_OWNER,
  WANTS_TO_WATCH,
  type LockKind,
} from './lock-layout.ts';
import { infoOf, type ParticipantInfo } from './participant.ts';
import { heldMs, stackOf } from './trace.ts';

/** One party of a {@link Deadlock}: it waits for a lock that the next one in the list holds. */
export interface Deadlocked extends ParticipantInfo {
  /** The lock it waits for: its name and kind, `ledger.mutex`; where it lies in somebody's region, `table.users+4096`. */
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
 * Finds threads of this machine that wait for each other's locks in a circle: mutexes, reader-writer locks, semaphores whose
 * permits return, leases and onces, by themselves or in any named region, that the caller may read. Who waits and who holds is
 * read from the locks, twice: what has moved in between is no deadlock.
 *
 * A thread that waits for itself is one, too. For a semaphore one waits for those without whose permits there are not enough.
 * Locks in regions without a name are not seen. Cost: the named regions are read through; nobody is disturbed.
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
  visitAreas((area) => edges.push(...waitsFor(area)));
  return edges;
}

function waitsFor({ label: lock, kind, words, base, descriptor, fileOffset }: FoundArea): Edge[] {
  const holds = holding(kind, words);
  if (holds === undefined) return [];
  const load = (index: number): number => words[index] ?? 0;
  const used = Math.min(Math.max(load(CONTROL_HIGH_WATER), 0), load(CONTROL_PARTICIPANTS));
  const slots = Array.from({ length: used }, (_, index) => SLOTS + index * LINE_WORDS);
  const isAlive = (slot: number): boolean =>
    (load(slot + SLOT_LIFE) & SLOT_MASK) !== 0 &&
    ofdHolder(descriptor, 'exclusive', fileOffset + slot * 4, 1);
  const waiters = slots.filter((slot) => load(slot + SLOT_WAITING) !== 0 && isAlive(slot));
  const holders = waiters.length === 0 ? [] : slots.filter((slot) => holds.any(slot) && isAlive(slot));
  return waiters.flatMap((waiter) =>
    holders
      .filter((holder) => holds.against(holder, waiter))
      .flatMap((holder) => {
        const announcement = load(waiter + SLOT_WAITING);
        // One that blocks is between taking the lock and saying that it waits no more: nobody blocks on itself for ever.
        if (holder === waiter && (announcement < 0 || !ownedKinds.has(kind))) return [];
        const identity = load(holder + SLOT_LIFE);
        return {
          lock,
          from: threadOf(words, waiter),
          to: threadOf(words, holder),
          waiter: infoOf(words, waiter),
          blocks: announcement < 0,
          heldMs: heldMs(words, holder),
          stack: stackOf(descriptor, words, holder, identity, base),
          stamp: `${lock} ${load(waiter + SLOT_LIFE)} ${announcement} ${identity}`,
        };
      }),
  );
}

/** Kinds that one participant has, or nobody. */
const ownedKinds: ReadonlySet<LockKind> = new Set<LockKind>(['mutex', 'once', 'lease']);

/** Who holds a lock, and whose wait cannot end before that one lets go; undefined for kinds that nobody holds. */
function holding(
  kind: LockKind,
  words: Int32Array,
): { any(slot: number): boolean; against(holder: number, waiter: number): boolean } | undefined {
  const load = (index: number): number => words[index] ?? 0;
  const held = (slot: number): number => load(slot + SLOT_HELD);
  const wants = (slot: number): number => load(slot + SLOT_WANTS);
  if (ownedKinds.has(kind)) {
    const owner = load(STATE_OWNER) & IDENTITY;
    return {
      any: (slot) => owner !== 0 && load(slot + SLOT_LIFE) === owner,
      against: (_, waiter) => wants(waiter) !== WANTS_TO_WATCH,
    };
  }
  if (kind === 'rwlock') {
    return {
      any: (slot) => held(slot) !== 0,
      against: (holder, waiter) => wants(waiter) !== 0 || held(holder) < 0,
    };
  }
  if (kind === 'semaphore' && (load(CONTROL_FLAGS) & FLAG_STAY) === 0) {
    return {
      any: (slot) => held(slot) > 0,
      // All the others together do not have enough.
      against: (holder, waiter) => load(CONTROL_LIMIT) - held(holder) < wants(waiter),
    };
  }
  return undefined;
}

function threadOf(words: Int32Array, slot: number): string {
  return `${words[slot + SLOT_BELL] ?? 0},${words[slot + SLOT_BELL + 1] ?? 0}`;
}
