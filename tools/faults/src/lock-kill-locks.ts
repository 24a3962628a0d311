/** The locks of the campaign lock-kill, all in one region, and the words beside them. */
import type { Region } from '@ipc/shm';
import { Barrier, Condition, Lease, Mutex, RwLock, Semaphore } from '@ipc/sync';

/** At a time. */
export const PROCESSES = 6;
/** Locks of different kinds that guard a counter, and how many of each. */
const kinds = 8;
const ofEachKind = 2;
export const LOCKS: number = kinds * ofEachKind;
/** Those who have a region open: all that live, those in stock, and the campaign. */
const participants = 24;

/** One word for each process: which life of it is alive, 0 while it is being killed. */
export const ALIVE = 0;
/** How often each process has done anything. */
export const OPERATIONS: number = ALIVE + PROCESSES;
/** The life that is inside each lock, 0 for none. */
export const INSIDE: number = OPERATIONS + PROCESSES;
/** One for each lock, changed by plain loads and stores inside it. */
export const COUNTERS: number = INSIDE + LOCKS;
/** How often each process has begun to count, lock by lock: LOCKS words for each process. */
export const JOURNAL: number = COUNTERS + LOCKS;
export const VIOLATIONS: number = JOURNAL + PROCESSES * LOCKS;
/** Entries of the log so far. */
export const LOGGED: number = VIOLATIONS + 1;
const locksOffset = Math.ceil((LOGGED * 4 + 4) / 64) * 64;
const lockBytes = Mutex.bytes(participants);
const logOffset = locksOffset + (LOCKS + 2) * lockBytes;
/** For each lock that a life was inside of when it died, as soon as it was taken over: the life, and when, in microseconds. */
export const LOG: number = logOffset / 4;
export const LOG_ENTRY = 2;

/** Bytes of the region, with room for so many entries of the log. */
export function regionBytes(entries: number): number {
  return logOffset + entries * LOG_ENTRY * 4;
}

/** CLOCK_MONOTONIC, which is the same for all processes, as a positive word: it wraps every 35 minutes. */
export function clockUs(): number {
  return Number((process.hrtime.bigint() / 1000n) & 0x7fffffffn);
}

/** One lets in one at a time. */
export interface Exclusive {
  /** In one of two spellings. */
  acquire(blocks: boolean): Promise<{ release(): void; readonly abandoned?: boolean }>;
  /** Whoever gets it after the dead is told; permits just return. */
  readonly tells: boolean;
}

export interface Locks {
  readonly exclusive: readonly Exclusive[];
  /** The first of `exclusive`, by itself, and what one waits for inside it. */
  readonly news: Mutex;
  readonly condition: Condition;
  /** Each with its place in `exclusive`. */
  readonly readable: readonly (readonly [lock: RwLock, index: number])[];
  readonly barrier: Barrier;
}

/** Opens them all; whoever comes first makes them. */
export function openLocks(region: Region): Locks {
  const at = (place: number): number => locksOffset + place * lockBytes;
  const news = Mutex.in(region, at(0), { participants });
  const readable: Locks['readable'][number][] = [];
  const locks = Array.from({ length: ofEachKind }, (_, set) => {
    const first = set * kinds;
    const mutex = set === 0 ? news : Mutex.in(region, at(first), { participants });
    const lock = RwLock.in(region, at(first + 1), { participants });
    const fairLock = RwLock.in(region, at(first + 2), { participants, fair: true });
    const fair = Mutex.in(region, at(first + 3), { participants, fair: true });
    const recursive = Mutex.in(region, at(first + 4), { participants, recursive: true });
    const lease = Lease.in(region, at(first + 5), { participants });
    const semaphore = Semaphore.in(region, at(first + 6), { participants, permits: 1 });
    const fairSemaphore = Semaphore.in(region, at(first + 7), { participants, permits: 1, fair: true });
    readable.push([lock, first + 1], [fairLock, first + 2]);
    return [
      exclusive(mutex, true),
      exclusive(lock.exclusive, true),
      exclusive(fairLock.exclusive, true),
      exclusive(fair, true),
      exclusive(recursive, true),
      { tells: true, acquire: () => lease.campaign() },
      exclusive(semaphore, false),
      exclusive(fairSemaphore, false),
    ];
  });
  return {
    exclusive: locks.flat(),
    news,
    readable,
    condition: Condition.in(region, at(LOCKS), { participants }),
    barrier: Barrier.in(region, at(LOCKS + 1), { participants, parties: 2 }),
  };
}

type Possession = Awaited<ReturnType<Exclusive['acquire']>>;

interface Spellings {
  acquire(): Promise<Possession>;
  acquireSync(): Possession;
}

function exclusive(lock: Spellings, tells: boolean): Exclusive {
  return { tells, acquire: (blocks) => (blocks ? Promise.resolve(lock.acquireSync()) : lock.acquire()) };
}

/**
 * Says that this life is inside a lock, and repairs what a dead one has left: the counter is what the journal says.
 *
 * @returns What should not be: somebody alive was inside, or somebody dead and nobody was told.
 */
export function enter(
  words: Int32Array,
  at: number,
  life: number,
  tells: boolean,
  abandoned: boolean,
): boolean {
  const before = Atomics.exchange(words, INSIDE + at, life);
  if (before !== 0 || abandoned) words[COUNTERS + at] = journaled(words, at);
  if (before === 0) return false;
  const entry = LOG + Atomics.add(words, LOGGED, 1) * LOG_ENTRY;
  if (entry + 1 < words.length) {
    words[entry + 1] = clockUs();
    Atomics.store(words, entry, before);
  }
  const lives = Array.from({ length: PROCESSES }, (_, index) => Atomics.load(words, ALIVE + index));
  return lives.includes(before) || (tells && !abandoned);
}

/** What the counter of a lock should be. */
export function journaled(words: Int32Array, at: number): number {
  let sum = 0;
  for (let index = 0; index < PROCESSES; index++) sum += Atomics.load(words, JOURNAL + index * LOCKS + at);
  return sum | 0;
}
