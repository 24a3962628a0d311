/**
 * When loads and stores happen that race on purpose: a reader copies what a writer may be changing, and finds out afterwards.
 *
 * To them the promise of sequential consistency does not extend, so each plain access to such a word is a step of its own. And
 * when a scenario names a processor, it happens whenever that may let it happen.
 *
 * armv8, with LSE, as V8 uses it:
 * - A plain store waits, and becomes visible at any time, before or after others. `Atomics.store` (STLR) becomes visible
 *   after every store before it, but perhaps after one that follows it.
 * - A plain load sees memory as of some moment since the party's last acquire: it may happen early. So may `Atomics.load`
 *   (LDAR), and then the plain loads before it have happened late. It waits for the `Atomics.store`s before it.
 * - Everything else in `Atomics` (CASAL, LDADDAL, SWPAL) and every system call is a full barrier.
 *
 * x86-64:
 * - Plain stores wait, and become visible in their order. Everything in `Atomics` but `load` (MOV), and every system call,
 *   waits for them. Loads happen in their order, and do not.
 *
 * Source: Arm Architecture Reference Manual, B2.3; Boehm, "Can seqlocks get along with programming language memory
 * models?", 2012; Sewell et al., "x86-TSO", 2010.
 */
import type { World } from './world.ts';

/** Whose memory model. */
export type Processor = 'x86-64' | 'armv8';

/** A store that is not visible yet. */
interface Pending {
  readonly word: number;
  readonly value: number;
  /** Of `Atomics.store`. */
  readonly releases: boolean;
}

/** What a word was before somebody else changed it. */
interface Past {
  readonly word: number;
  readonly value: number;
  /** By a plain store. */
  readonly plain: boolean;
}

/** What is particular to one party's sight of memory. */
export interface Sight {
  /** In the order of the program. */
  readonly pending: readonly Pending[];
  /** Changes by others since the party's last acquire, oldest first. */
  readonly past: readonly Past[];
  /** How many of those `Atomics.load` cannot look behind any more. */
  readonly acquired: number;
}

export const clearSight: Sight = { pending: [], past: [], acquired: 0 };

/** Changes a word for everybody. */
export function change(world: World, by: number, word: number, value: number, plain: boolean): void {
  const before = world.memory[word];
  if (before === undefined || before === value) return;
  world.writable()[word] = value;
  if (world.processor !== 'armv8') return;
  for (const [party, sight] of world.sights.entries()) {
    world.sights[party] = {
      ...sight,
      ...(party === by
        ? forget(sight, word, sight.past.length)
        : { past: behind(sight.past, { word, value: before, plain }) }),
    };
  }
}

/** Nobody can tell in which order plain stores between two others became visible to different words: one order stands for all. */
function behind(past: readonly Past[], last: Past): Past[] {
  let at = past.length;
  if (last.plain)
    while (at > 0 && past[at - 1]?.plain === true && (past[at - 1] as Past).word > last.word) at--;
  return [...past.slice(0, at), last, ...past.slice(at)];
}

/** A store that becomes visible some time. */
export function store(world: World, by: number, word: number, value: number, releases: boolean): void {
  const sight = world.sights[by] as Sight;
  world.sights[by] = { ...sight, pending: [...sight.pending, { word, value, releases }] };
}

/** Those of a party's pending stores that may become visible now. */
export function visibleNext(world: World, party: number): number[] {
  const { pending } = world.sights[party] as Sight;
  if (world.processor === 'x86-64') return pending.length > 0 ? [0] : [];
  return [...pending.keys()].filter((at) => {
    const { word, releases } = pending[at] as Pending;
    return releases ? at === 0 : !pending.slice(0, at).some((earlier) => earlier.word === word);
  });
}

/** Makes a pending store visible. */
export function makeVisible(world: World, by: number, at: number): void {
  const { pending } = world.sights[by] as Sight;
  const { word, value, releases } = pending[at] as Pending;
  change(world, by, word, value, !releases);
  const sight = world.sights[by] as Sight;
  world.sights[by] = {
    ...sight,
    pending: pending.filter((_, index) => index !== at),
    acquired: releases ? sight.past.length : sight.acquired,
  };
}

/** Everything before happens before everything after. */
export function barrier(world: World, by: number): void {
  if (world.processor === undefined) return;
  while ((world.sights[by] as Sight).pending.length > 0) makeVisible(world, by, 0);
  world.sights[by] = clearSight;
}

/** `Atomics.load` waits until the party's own `Atomics.store`s are visible. */
function release(world: World, by: number): void {
  while ((world.sights[by] as Sight).pending.some(({ releases }) => releases)) makeVisible(world, by, 0);
}

/** The ways a load can go: the value as it is, or as it was before one of the changes that it may have missed. */
export function waysToLoad(world: World, by: number, word: number, acquires: boolean): string[] {
  if (world.processor !== 'armv8') return [''];
  const { past, acquired, pending } = world.sights[by] as Sight;
  if (pending.some((own) => own.word === word && (acquires ? own.releases : true))) return [''];
  const ways = [''];
  for (let at = past.length - 1; at >= (acquires ? acquired : 0); at--) {
    if (past[at]?.word === word) ways.push(`before change ${past.length - at}`);
  }
  return ways;
}

/** Loads a word in one of those ways. */
export function load(world: World, by: number, word: number, acquires: boolean, way: string): number {
  if (acquires) release(world, by);
  const sight = world.sights[by] as Sight;
  const own = sight.pending.findLast((pending) => pending.word === word);
  if (own !== undefined) return own.value;
  const { past } = sight;
  const missed = way === '' ? past.length : past.length - Number(way.slice('before change '.length));
  const value = way === '' ? (world.memory[word] as number) : (past[missed] as Past).value;
  // It happened behind the last change of this word that it saw: no later load of the word sees less.
  const seen = past.findLastIndex((change, at) => at < missed && change.word === word) + 1;
  world.sights[by] = acquires
    ? { ...sight, past: past.slice(seen), acquired: Math.max(0, sight.acquired - seen) }
    : { ...sight, ...forget(sight, word, missed) };
  return value;
}

/** The sight without the changes of a word before `end`. */
function forget({ past, acquired }: Sight, word: number, end: number): Pick<Sight, 'past' | 'acquired'> {
  const keep = (change: Past, at: number): boolean => at >= end || change.word !== word;
  return { past: past.filter(keep), acquired: past.slice(0, acquired).filter(keep).length };
}
