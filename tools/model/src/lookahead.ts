/**
 * Leaves out orders that come to the same: in a state in which one party's moves touch nothing that the others touch before they
 * first have to wait for it, only that party moves. A persistent set, found by letting each of the others run ahead alone.
 *
 * What is left out: moves of the others before that one. They commute with it, so what they lead to is reached behind it,
 * deadlocks, errors and data races included. So that nobody is left out for ever, a move that closes a circle is never made alone.
 *
 * Source: Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996, chapter 4.
 */
import { Footprint } from './footprint.ts';
import { endless } from './party.ts';
import type { Place } from './place.ts';
import { die, mayDie, type Made, type Move, type State, type Subject } from './state.ts';
import type { World } from './world.ts';

/** What a party does until it has to wait for another. */
interface Ahead {
  /** Of its steps. */
  readonly steps: readonly Footprint[];
  /** How many of them are behind it. */
  readonly behind: number;
  /** Of its death at any of them, and of all that the kernel does for it then. */
  readonly death: Footprint;
  /** What it looks at when it waits. */
  readonly waits: Footprint;
}

/** By party; undefined: not known, it may touch anything. */
export type Aheads = readonly (Ahead | undefined)[];

export function lookAhead(subject: Subject, state: State): Aheads {
  return state.places.map((_, index) => aheadOf(subject, state, index));
}

/** After a move: what it was not in the way of still holds. */
export function lookAheadAfter(
  subject: Subject,
  aheads: Aheads,
  { by, kind }: Move,
  { state, footprint }: Made,
): Aheads {
  return aheads.map((ahead, index) => {
    if (ahead !== undefined && kind === 'step' && by === index && ahead.behind < ahead.steps.length) {
      return { ...ahead, behind: ahead.behind + 1 };
    }
    const holds =
      ahead !== undefined &&
      kind !== 'death' &&
      by !== index &&
      !isInTheWay(footprint, ahead) &&
      !footprint.isInTheWayOf(ahead.waits);
    return holds ? ahead : aheadOf(subject, state, index);
  });
}

/** The parties whose moves are enough; undefined: all. @param isBack - Whether a state is one on the way to the present one. */
export function enough(
  moves: readonly (readonly [Move, Made | undefined])[],
  aheads: Aheads,
  isBack: (state: State) => boolean,
): readonly number[] | undefined {
  const movers = new Set(
    moves.filter(([{ kind }]) => kind === 'step' || kind === 'kernel').map(([{ by }]) => by),
  );
  const isApart = (one: number, made: Made | undefined): boolean =>
    made !== undefined && !isInTheWay(made.footprint, aheads[one]);
  for (const chosen of subsets([...movers])) {
    const others = [...aheads.keys()].filter((index) => !chosen.includes(index));
    const made = moves.filter(([{ by }]) => chosen.includes(by)).map(([, each]) => each);
    if (others.length === 0 || !others.every((one) => made.every((each) => isApart(one, each)))) continue;
    if (!others.every((one) => others.every((other) => other <= one || areApart(aheads[one], aheads[other]))))
      continue;
    if (!made.some((each) => each !== undefined && isBack(each.state))) return chosen;
  }
  return undefined;
}

function aheadOf(subject: Subject, state: State, index: number): Ahead | undefined {
  const after = state.world.copy();
  const place = state.places[index] as Place;
  const ahead = { steps: [] as Footprint[], behind: 0, death: new Footprint(), waits: new Footprint() };
  const isMortal = mayDie(subject, state, index);
  const mayDieHere = (): void => {
    if (!isMortal) return;
    ahead.death.during(() => {
      die(subject, after.copy(), index);
    });
  };
  if (isMortal || state.world.dead[index] === true) {
    ahead.death.during(() => {
      const kernel = after.kernel.copy();
      for (const descriptor of kernel.remains(index)) kernel.close(index, descriptor);
      after.copy().stir(index);
    });
  }
  if (place.next === undefined || state.world.dead[index] === true) return ahead;
  try {
    const isKnown = runAhead(subject, index, place, after, ahead, mayDieHere);
    return isKnown ? ahead : undefined;
  } catch {
    return undefined; // found, with its story, when the party makes the steps one by one
  }
}

/**
 * Lets a party go as far as it comes alone, while all others stand still.
 *
 * @param before - Called before each step, also the one it cannot make.
 * @returns False when that is not all it can do: a step can go in several ways, or there is no end.
 */
function runAhead(
  { places }: Subject,
  index: number,
  from: Place,
  world: World,
  { steps, waits }: { readonly steps: Footprint[]; readonly waits: Footprint },
  before: () => void,
): boolean {
  for (let at = from; steps.length < endless;) {
    const { next } = at;
    if (next === undefined) return true;
    const step = new Footprint();
    const ways = step.during(() => next.ways?.(world) ?? ['']);
    if (ways.length > 1) return false;
    before();
    if (ways.length === 0 || next.isPatient?.(world) === true) {
      waits.during(() => next.ways?.(world));
      return true;
    }
    steps.push(step);
    const standing = at;
    const reached = step.during(() => places.after(index, standing, world, ways[0] ?? ''));
    if (reached === undefined) return false;
    if (step.changes && next.reads !== true) {
      step.during(() => {
        world.stir(index);
      });
    }
    at = reached;
  }
  return false;
}

function isInTheWay(footprint: Footprint, ahead: Ahead | undefined): boolean {
  if (ahead === undefined || footprint.isInTheWayOf(ahead.death)) return true;
  for (let at = ahead.behind; at < ahead.steps.length; at++) {
    if (footprint.isInTheWayOf(ahead.steps[at] as Footprint)) return true;
  }
  return false;
}

function areApart(one: Ahead | undefined, other: Ahead | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  const all = [...one.steps.slice(one.behind), one.waits, one.death];
  return all.every((footprint) => !isInTheWay(footprint, other) && !footprint.isInTheWayOf(other.waits));
}

/** All but the empty one, small ones first. */
function subsets(indices: readonly number[]): number[][] {
  return Array.from({ length: 2 ** indices.length - 1 }, (_, bits) =>
    indices.filter((_index, at) => ((bits + 1) >> at) & 1),
  ).sort((one, other) => one.length - other.length);
}
