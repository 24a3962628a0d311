/**
 * Depth-first through every state that any interleaving of the parties' steps can reach, deaths included, but for orders that come
 * to the same (lookahead.ts).
 *
 * Two states are the same when the shared world is the same and each party has seen the same: then everything that can
 * follow is the same too. Visited states are kept as 53-bit hashes; with a million of them the chance that two different
 * ones were ever taken for the same is below one in ten thousand.
 */
import { enough, lookAhead, lookAheadAfter, type Aheads } from './lookahead.ts';
import { Variables } from './party.ts';
import { Places } from './place.ts';
import { firstTurn, turnAfter, turnAmong, type Turn } from './preemptions.ts';
import type { Scenario } from './scenario.ts';
import { StaleEdit } from './source.ts';
import { keyOf, messageOf } from './state-key.ts';
import { movesFrom, setUp, type Made, type Move, type State } from './state.ts';

export type { Scenario };

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  readonly deepest: number;
  /** States in which everybody has ended. */
  readonly ends: number;
  /** Ways on that a party abandoned. */
  readonly abandoned: number;
  readonly milliseconds: number;
  /** False when the limit was reached before everything was seen. */
  readonly complete: boolean;
  readonly violation?: { readonly message: string; readonly trace: readonly string[] };
}

export interface Limits {
  /** How many states to visit at most. @default all */
  readonly states?: number;
  /** For how long to look. @default as long as it takes */
  readonly milliseconds?: number;
  /** Also every order that comes to the same: to check the checker. @default false */
  readonly everyOrder?: boolean;
  /** How often a party may be stopped that could go on (preemptions.ts); then nothing else is left out. @default any number */
  readonly preemptions?: number;
}

export function explore(scenario: Scenario, limits: Limits = {}): Exploration {
  const startMs = performance.now();
  const variables = new Variables();
  for (;;) {
    const exploration = exploreOnce(scenario, limits, variables, startMs);
    if (exploration !== undefined) return { ...exploration, milliseconds: performance.now() - startMs };
  }
}

/** A state on the way to the present one. */
interface Stop {
  readonly state: State;
  readonly key: number;
  readonly turn: Turn;
  /** Absent when every order is wanted. */
  readonly aheads: Aheads | undefined;
  /** Those that are still to be followed. */
  readonly moves: (readonly [Move, Made | undefined])[];
}

/** Undefined when a word that was taken for constant is not. */
function exploreOnce(
  scenario: Scenario,
  { states: most = Infinity, milliseconds = Infinity, everyOrder = false, preemptions = Infinity }: Limits,
  variables: Variables,
  startMs: number,
): Omit<Exploration, 'milliseconds'> | undefined {
  const programs = Array.from({ length: scenario.parties }, (_, index) => () => {
    scenario.program(index);
  });
  const subject = { scenario, places: new Places(programs, variables) };
  const isBounded = preemptions < Infinity;
  /** With how few preemptions. */
  const visited = new Map<number, number>();
  const path: Stop[] = [];
  const onPath = new Set<number>();
  let transitions = 0;
  let deepest = 0;
  let ends = 0;
  let abandoned = 0;
  let violation: Exploration['violation'];
  let last: State | undefined;
  let move = 'set-up';

  const visit = (state: State, before: Turn, look: () => Aheads): void => {
    const possible = movesFrom(subject, state);
    const turn = isBounded ? turnAmong(possible, before) : before;
    const key = keyOf(state, turn.running);
    const seenWith = visited.get(key);
    if (seenWith !== undefined && seenWith <= turn.preemptions) return;
    visited.set(key, turn.preemptions);
    last = state;
    deepest = Math.max(deepest, state.depth);
    const aheads = isReduced ? look() : undefined;
    const moves = possible
      .filter((each) => !isBounded || turnAfter(turn, each).preemptions <= preemptions)
      .map((each) => {
        move = each.name;
        return [each, each.make()] as const;
      });
    move = '';
    if (possible.length === 0) {
      if (seenWith === undefined) ends++;
      checkEnd(scenario, state);
    }
    onPath.add(key);
    const chosen =
      aheads === undefined ? undefined : enough(moves, aheads, (after) => onPath.has(keyOf(after)));
    path.push({ state, key, turn, aheads, moves: moves.filter(([{ by }]) => chosen?.includes(by) ?? true) });
  };
  // Stores that are under way become visible at any time: not looked ahead for.
  const isReduced = !everyOrder && !isBounded && scenario.processor === undefined;

  try {
    variables.restart();
    const start = setUp(subject);
    visit(start, firstTurn, () => lookAhead(subject, start));
    for (let stop = path.at(-1); stop !== undefined && visited.size <= most; stop = path.at(-1)) {
      if (performance.now() - startMs > milliseconds) break;
      if (variables.haveGrown()) return undefined;
      const { state, turn, aheads = [] } = stop;
      const next = stop.moves.pop();
      if (next === undefined) {
        path.pop();
        onPath.delete(stop.key);
        continue;
      }
      const [made, after] = next;
      transitions++;
      if (after === undefined) {
        abandoned++;
        continue;
      }
      last = state;
      move = made.name;
      visit(after.state, isBounded ? turnAfter(turn, made) : turn, () =>
        lookAheadAfter(subject, aheads, made, after),
      );
    }
  } catch (error) {
    if (error instanceof StaleEdit) throw error;
    if (variables.haveGrown()) return undefined;
    violation = { message: messageOf(error), trace: traceOf(last, move) };
  }
  return {
    states: visited.size,
    transitions,
    deepest,
    ends,
    abandoned,
    complete: violation === undefined && path.length === 0,
    ...(violation === undefined ? {} : { violation }),
  };
}

function checkEnd(scenario: Scenario, { world, places }: State): void {
  for (const [index, { next }] of places.entries()) {
    if (
      world.dead[index] !== true &&
      next !== undefined &&
      next.idle !== true &&
      scenario.mayWait?.(world, index) !== true
    ) {
      throw new Error(`party ${index} waits for ever: ${next.name}`);
    }
  }
  scenario.ended?.(world);
}

function traceOf(state: State | undefined, move: string): string[] {
  const trace = move === '' ? [] : [move];
  for (let at = state; at !== undefined; at = at.before) trace.unshift(at.move);
  return trace;
}
