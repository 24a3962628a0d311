/**
 * Depth-first through every state that any interleaving of the parties' steps can reach, deaths included.
 *
 * Two states are the same when the shared world is the same and each party has seen the same: then everything that can
 * follow is the same too. Visited states are kept as 53-bit hashes; with a million of them the chance that two different
 * ones were ever taken for the same is below one in ten thousand.
 */
import { FILE } from './kernel.ts';
import { Party, Variables, type Entry, type Settled, type Step } from './party.ts';
import { checkMixing, checkRaces } from './shared-memory.ts';
import { StaleEdit } from './source.ts';
import { barrier, makeVisible, visibleNext } from './weak-memory.ts';
import { World, type MemoryRules } from './world.ts';

/** What is explored: programs, what they share, and what must hold. */
export interface Scenario extends MemoryRules {
  readonly name: string;
  readonly parties: number;
  readonly memoryBytes: number;
  /** How many parties may die, and which. @default none */
  readonly deaths?: number;
  readonly mortals?: readonly number[];
  /** The scenario's record at the start. */
  readonly record: Readonly<Record<string, unknown>>;
  /** The program of one party: sets up, calls `party().begin()`, goes on. Run anew, from scratch, each time. */
  program(index: number): void;
  /** What the death of a party means for the record. Called with the world as it leaves it. */
  died?(world: World, index: number): void;
  /** Whether a party may rightly wait for ever, as things stand. @default never */
  mayWait?(world: World, index: number): boolean;
  /** Called when nothing can happen any more and every living party has ended. @throws what is wrong. */
  ended?(world: World): void;
}

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

interface Seat {
  readonly log: readonly Entry[];
  readonly next: Step | undefined;
  readonly accesses: ReadonlyMap<number, boolean>;
  /** Where its local state was written down last. */
  readonly settled: Settled;
  /** Hash of that, and of the steps since. */
  readonly hash: readonly [number, number];
}

interface State {
  readonly world: World;
  readonly seats: readonly Seat[];
  readonly deaths: number;
  readonly depth: number;
  readonly before: State | undefined;
  readonly move: string;
}

/** @param limits - `states`: how many to visit at most. */
export function explore(scenario: Scenario, limits: { readonly states?: number } = {}): Exploration {
  const startMs = performance.now();
  const variables = new Variables();
  for (;;) {
    const exploration = exploreOnce(scenario, limits.states ?? Infinity, variables);
    if (exploration !== undefined) return { ...exploration, milliseconds: performance.now() - startMs };
  }
}

/** Undefined when a word that was taken for constant is not. */
function exploreOnce(
  scenario: Scenario,
  most: number,
  variables: Variables,
): Omit<Exploration, 'milliseconds'> | undefined {
  const visited = new Set<number>();
  let transitions = 0;
  let deepest = 0;
  let ends = 0;
  let abandoned = 0;
  let violation: Exploration['violation'];
  let last: State | undefined;
  let move = 'set-up';

  const stack: State[] = [];
  const visit = (state: State): void => {
    const key = keyOf(state);
    if (visited.has(key)) return;
    visited.add(key);
    stack.push(state);
  };

  try {
    variables.restart();
    visit(setUp(scenario, variables));
    while (stack.length > 0 && visited.size <= most) {
      const state = stack.pop() as State;
      last = state;
      deepest = Math.max(deepest, state.depth);
      let moves = 0;
      for (const [successor, make] of successors(scenario, variables, state)) {
        move = successor;
        moves++;
        transitions++;
        const next = make();
        if (next === undefined) abandoned++;
        else visit(next);
        if (variables.haveGrown()) return undefined;
      }
      move = '';
      if (moves === 0) {
        ends++;
        checkEnd(scenario, state);
      }
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
    complete: violation === undefined && stack.length === 0,
    ...(violation === undefined ? {} : { violation }),
  };
}

/** Everybody sets up, one after the other. */
function setUp(scenario: Scenario, variables: Variables): State {
  const world = World.of(scenario.memoryBytes, scenario.parties, scenario.record, scenario);
  const seats: Seat[] = [];
  for (let index = 0; index < scenario.parties; index++) {
    const start = {
      log: [],
      next: undefined,
      accesses: new Map<number, boolean>(),
      settled: { text: '', steps: 0 },
      hash: [1, 2],
    } as const;
    const seat = seatAfter(scenario, variables, index, world, start);
    if (seat !== undefined) seats.push(seat);
  }
  return { world, seats, deaths: 0, depth: 0, before: undefined, move: 'set-up' };
}

/** Its name, and what it leads to; undefined: the party abandons it. */
type Move = [string, () => State | undefined];

function* successors(scenario: Scenario, variables: Variables, state: State): Generator<Move> {
  const { world, seats } = state;
  const patient: Move[] = [];
  let isMoving = false;
  for (const [index, { next }] of seats.entries()) {
    for (const at of visibleNext(world, index)) {
      isMoving = true;
      const name = `${index}: store ${world.sights[index]?.pending[at]?.word} becomes visible`;
      yield [
        name,
        () => {
          const after = world.copy();
          makeVisible(after, index, at);
          stir(after, index);
          return { ...state, world: after, depth: state.depth + 1, before: state, move: name };
        },
      ];
    }
    if (world.dead[index] === true) {
      for (const fd of world.kernel.remains(index)) {
        isMoving = true;
        yield [
          `${index}: kernel closes ${fd === FILE ? 'the file' : `descriptor ${fd}`} of the dead`,
          () => {
            const after = world.copy();
            barrier(after, index);
            after.entered().close(index, fd);
            stir(after, index);
            return {
              ...state,
              world: after,
              depth: state.depth + 1,
              before: state,
              move: `${index}: reap ${fd}`,
            };
          },
        ];
      }
      continue;
    }
    if (next === undefined) continue;
    for (const way of next.ways?.(world) ?? ['']) {
      const name = `${index}: ${next.name}${way === '' ? '' : ` -> ${way}`}`;
      const move: Move = [name, () => advance(scenario, variables, state, index, way, name)];
      if (next.isPatient?.(world) === true) patient.push(move);
      else {
        isMoving = true;
        yield move;
      }
    }
    if (state.deaths < (scenario.deaths ?? 0) && (scenario.mortals?.includes(index) ?? true)) {
      yield [
        `${index}: dies`,
        () => {
          const after = world.copy();
          after.dead[index] = true;
          after.entered().stopSleeping(index);
          scenario.died?.(after, index);
          return {
            ...state,
            world: after,
            deaths: state.deaths + 1,
            depth: state.depth + 1,
            before: state,
            move: `${index}: dies`,
          };
        },
      ];
    }
  }
  if (!isMoving) yield* patient;
}

function advance(
  scenario: Scenario,
  variables: Variables,
  state: State,
  index: number,
  way: string,
  move: string,
): State | undefined {
  const seat = state.seats[index] as Seat;
  const step = seat.next as Step;
  const world = state.world.copy();
  for (const [other, { accesses }] of state.seats.entries()) {
    if (other !== index && !(state.world.dead[other] ?? false)) checkMixing(accesses, step);
  }
  const after = seatAfter(scenario, variables, index, world, seat, way);
  if (after === undefined) return undefined;
  for (const [other, { accesses }] of state.seats.entries()) {
    if (other !== index && !(state.world.dead[other] ?? false)) checkRaces(after.accesses, accesses);
  }
  if (step.reads !== true) stir(world, index);
  const seats = state.seats.slice();
  seats[index] = after;
  return { world, seats, deaths: state.deaths, depth: state.depth + 1, before: state, move };
}

function seatAfter(
  scenario: Scenario,
  variables: Variables,
  index: number,
  world: World,
  seat: Seat,
  way?: string,
): Seat | undefined {
  const run = Party.run(
    index,
    () => {
      scenario.program(index);
    },
    world,
    variables,
    seat.log,
    way,
  );
  if (run === undefined) return undefined;
  const settled = run.party.settled ?? seat.settled;
  return {
    log: run.party.log,
    settled,
    next: run.next,
    accesses: run.party.accesses,
    hash: hashLog(settled, run.party),
  };
}

/** Something changed: whoever naps may look again. */
function stir({ restless }: World, by: number): void {
  for (let other = 0; other < restless.length; other++) if (other !== by) restless[other] = true;
}

function checkEnd(scenario: Scenario, { world, seats }: State): void {
  for (const [index, { next }] of seats.entries()) {
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

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env.MODEL_STACK === undefined ? error.message : (error.stack ?? error.message);
}

// Hashing: two lanes of 32 bits, multiplied and mixed.

function mix(hash: number, value: number, factor: number): number {
  const product = Math.imul(hash ^ value, factor);
  return product ^ (product >>> 15);
}

function mixText(lanes: [number, number], text: string): void {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    lanes[0] = mix(lanes[0], code, 0x85ebca6b);
    lanes[1] = mix(lanes[1], code, 0xc2b2ae35);
  }
}

function hashLog({ text, steps }: Settled, { log, condensed }: Party): [number, number] {
  const lanes: [number, number] = [3, 4];
  mixText(lanes, text);
  let at = steps;
  for (const { from, to, text: outcome } of condensed) {
    if (from < at) continue;
    for (; at < from; at++) mixText(lanes, textOf(log[at] as Entry));
    mixText(lanes, outcome);
    at = to;
  }
  for (; at < log.length; at++) mixText(lanes, textOf(log[at] as Entry));
  return lanes;
}

function textOf(entry: Entry): string {
  if ('error' in entry) return `!${messageOf(entry.error)};`;
  const { value } = entry;
  if (typeof value === 'number') return `${value};`;
  return value === undefined
    ? ';'
    : `${ArrayBuffer.isView(value) ? (value as Uint8Array).join() : JSON.stringify(value)};`;
}

const recordTexts = new WeakMap<object, string>();

function textOfRecord(record: World['record']): string {
  let text = recordTexts.get(record);
  if (text === undefined) recordTexts.set(record, (text = JSON.stringify(record)));
  return text;
}

function keyOf({ world, seats, deaths }: State): number {
  const lanes: [number, number] = [deaths + 1, deaths + 7];
  for (const word of world.memory) {
    lanes[0] = mix(lanes[0], word, 0x85ebca6b);
    lanes[1] = mix(lanes[1], word, 0xc2b2ae35);
  }
  mixText(lanes, world.kernel.text);
  mixText(lanes, textOfRecord(world.record));
  if (world.processor !== undefined) mixText(lanes, JSON.stringify(world.sights));
  for (const [index, { hash, next }] of seats.entries()) {
    const naps = (world.naps[index] ?? 0) * 8;
    const status =
      naps +
      (world.dead[index] === true ? 4 : 0) +
      (world.restless[index] === true ? 2 : 0) +
      (next === undefined ? 1 : 0);
    lanes[0] = mix(
      mix(lanes[0], status + 11, 0x85ebca6b),
      world.dead[index] === true ? 0 : hash[0],
      0x27d4eb2f,
    );
    lanes[1] = mix(
      mix(lanes[1], status + 11, 0xc2b2ae35),
      world.dead[index] === true ? 0 : hash[1],
      0x165667b1,
    );
  }
  return (lanes[0] >>> 0) * 0x200000 + (lanes[1] >>> 11);
}
