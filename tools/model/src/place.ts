/**
 * Where a party can stand: before a step, or at its end. Two histories that left the same lead to the same place; most states
 * differ only in which of the places their parties stand at. So what a party does from a place on, for each outcome of its
 * step, is found by running its program once, kept, and done again without it in every other state.
 */
import {
  entryOf,
  Party,
  type Accesses,
  type Make,
  type Settled,
  type Step,
  type Variables,
} from './party.ts';
import type { Entry } from './party.ts';
import { placeText, textOf } from './state-key.ts';
import { barrier } from './weak-memory.ts';
import type { World } from './world.ts';

export interface Place {
  /** Of no other place of any party. */
  readonly id: number;
  /** Undefined: it has ended. */
  readonly next: Step | undefined;
  readonly accesses: ReadonlyMap<number, boolean>;
  /** The first history that led here. */
  readonly log: readonly Entry[];
  /** Where the local state was written down last in it. */
  readonly settled: Settled;
  readonly outcomes: Outcomes;
}

/** What follows, by what the program sees. */
type Outcomes = Map<string, Place | Onward | Stopped>;

/** Something happens together with the step. */
interface Onward {
  readonly make: Make;
  readonly outcomes: Outcomes;
}

/** The program throws, or is abandoned. */
interface Stopped {
  readonly failure: { readonly error: unknown } | undefined;
}

/** Those of one search. */
export class Places {
  readonly #programs: readonly (() => void)[];
  readonly #variables: Variables;
  readonly #places = new Map<string, Place>();

  /** @param programs - By party. */
  constructor(programs: readonly (() => void)[], variables: Variables) {
    this.#programs = programs;
    this.#variables = variables;
  }

  /** Where a party stands once it has set up. @throws What its program throws. */
  first(index: number, world: World): Place {
    const settled = { text: '', steps: 0 };
    const reached = this.#reached(this.#run(index, world, [], 0, new Map()), settled);
    if ('id' in reached) return reached;
    whereTo(reached);
    throw new Error(`party ${index} is abandoned before it begins`);
  }

  /**
   * Makes the step of a party, and all that happens together with it.
   *
   * @returns Where it stands then; undefined: abandoned. @throws What its program throws.
   */
  after(index: number, place: Place, world: World, way: string): Place | undefined {
    const step = place.next as Step;
    const accesses: Accesses = new Map<number, boolean>();
    const entries: Entry[] = [];
    let { outcomes } = place;
    let make: Make = () => step.make(world, way);
    if (step.isAccess !== true) barrier(world, index);
    for (;;) {
      const entry = entryOf(() => make(world, accesses));
      entries.push(entry);
      const text = textOf(entry);
      const known = outcomes.get(text);
      if (known === undefined) {
        const run = this.#run(index, world, [...place.log, ...entries], place.log.length, accesses);
        return whereTo(keep(run, this.#reached(run, place.settled), outcomes, text));
      }
      if (!('make' in known)) return whereTo(known);
      ({ make, outcomes } = known);
    }
  }

  #run(index: number, world: World, log: readonly Entry[], known: number, accesses: Accesses): Party {
    const program = this.#programs[index] as () => void;
    return Party.run(index, program, world, this.#variables, { log, known, accesses });
  }

  #reached(run: Party, before: Settled): Place | Stopped {
    const { index, failure, isAbandoned, next, accesses, log, settled = before } = run;
    if (failure !== undefined || isAbandoned) return { failure };
    const text = `${index};${placeText(run, settled)}`;
    let place = this.#places.get(text);
    if (place === undefined) {
      place = { id: this.#places.size, next, accesses, log, settled, outcomes: new Map() };
      this.#places.set(text, place);
    }
    return place;
  }
}

/** Keeps what a run came to, and what happened on the way. */
function keep({ trail }: Party, reached: Place | Stopped, outcomes: Outcomes, text: string): Place | Stopped {
  let [at, seen] = [outcomes, text];
  for (const { make, entry } of trail) {
    const onward: Onward = { make, outcomes: new Map() };
    at.set(seen, onward);
    [at, seen] = [onward.outcomes, textOf(entry)];
  }
  at.set(seen, reached);
  return reached;
}

function whereTo(reached: Place | Stopped): Place | undefined {
  if ('id' in reached) return reached;
  if (reached.failure !== undefined) throw reached.failure.error;
  return undefined;
}
