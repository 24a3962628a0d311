/**
 * A party: a program that runs until its next step, again and again.
 *
 * JavaScript cannot stop in the middle of a function and go on in two ways. So a party is run from its start each
 * time, fed with what its earlier steps came to, until it reaches a step it has not made; there it is thrown out. A step
 * is an atomic operation or a system call. Plain accesses and entries in the scenario's record happen together with
 * the step before them: the check for data races (shared-memory.ts) is what makes that enough.
 *
 * It is run once for each place it can come to (place.ts), not for each state: what it does there is kept, and done again from then on.
 */
import type { Frames } from './frames.ts';
import { textOfState } from './local-state.ts';
import type { World } from './world.ts';

/** What a step is, before it is made. */
export interface Step {
  readonly name: string;
  /** The ways it can go now: none while it has to wait. Absent: it always can, in one way. */
  readonly ways?: (world: World) => readonly string[];
  readonly make: (world: World, way: string) => unknown;
  /** Whether it can change what others see. @default true */
  readonly reads?: boolean;
  /** The word of shared memory it works on, if any. */
  readonly word?: number;
  /** It is a load or store: every other step is a memory barrier, too. */
  readonly isAccess?: true;
  /** It only goes on when nothing else can, once it has gone on often enough: one look in a loop of many. */
  readonly isPatient?: (world: World) => boolean;
  /** It never comes: the party has nothing to do any more, but can still die. */
  readonly idle?: true;
}

/** Stays alive and does nothing. */
export function idle(): void {
  party().step({ name: 'idle', idle: true, ways: () => [], make: () => undefined });
}

/** One finished step as the program saw it. */
export type Entry = { readonly value: unknown } | { readonly error: unknown };

/** Plain accesses since the last step: the word, and whether it was written. */
export type Accesses = Map<number, boolean>;

/**
 * What happens together with a step. Of the run that made it, it may use only what never changes: it happens again, for the same place
 * in other states.
 */
export type Make = (world: World, accesses: Accesses) => unknown;

/** One such thing, and what the program saw. */
export interface Along {
  readonly make: Make;
  readonly entry: Entry;
}

/** Where the run of a program begins. */
export interface Start {
  /** The finished steps. */
  readonly log: readonly Entry[];
  /** How many of them were behind it when it last stopped. */
  readonly known: number;
  readonly accesses: Accesses;
}

/** What became of making something. */
export function entryOf(make: () => unknown): Entry {
  try {
    return { value: make() };
  } catch (error) {
    return { error };
  }
}

/** Thrown through the program to stop it. Not an Error: nobody but the party may recognise it. */
const suspension: unknown = Object.freeze({ suspended: true });

/** More steps than any terminating run takes. */
export const endless = 3000;

/** Which words anybody writes after the set-up. Learnt on the way; exploration starts again when it has grown. */
export class Variables {
  readonly words: Set<number> = new Set<number>();
  #known = 0;

  /** Whether one was found since {@link Variables.restart}. */
  haveGrown(): boolean {
    return this.words.size > this.#known;
  }

  restart(): void {
    this.#known = this.words.size;
  }
}

/** Local state as text, and how many steps had been made by then. */
export interface Settled {
  readonly text: string;
  readonly steps: number;
}

let current: Party | undefined;

/** What the running party remembers by, if any. */
export function frames(): Frames | undefined {
  return current?.frames;
}

/** The party whose program runs now. */
export function party(): Party {
  if (current === undefined) throw new Error('no party is running');
  return current;
}

export class Party {
  readonly index: number;
  readonly world: World;
  readonly variables: Variables;
  readonly log: Entry[];
  readonly accesses: Accesses;
  /** What happened beyond the log, in order. */
  readonly trail: Along[] = [];
  /** The step it cannot make by itself; undefined: it has ended. */
  next: Step | undefined;
  /** What it threw. */
  failure: { readonly error: unknown } | undefined;
  isAbandoned = false;
  /** The local state where this run has written it down last. */
  settled: Settled | undefined;
  /** Steps of which nothing but the outcome matters, once they are all made. */
  readonly condensed: { readonly from: number; readonly to: number; readonly text: string }[] = [];
  /** What it remembered when it reached its next step, if it says so by {@link Party.remember}. */
  memory: string | undefined;
  /** Of a program that runs instrumented source. */
  frames: Frames | undefined;
  #cursor = 0;
  #free = true;
  readonly #known: number;

  private constructor(index: number, world: World, variables: Variables, { log, known, accesses }: Start) {
    this.index = index;
    this.world = world;
    this.variables = variables;
    this.log = log.slice();
    this.accesses = accesses;
    this.#known = known;
  }

  /** Runs `program` over the finished steps up to the next one. What stands before `begin` is done in one go. */
  static run(index: number, program: () => void, world: World, variables: Variables, start: Start): Party {
    const running = new Party(index, world, variables, start);
    const outer = current;
    current = running;
    try {
      program();
    } catch (error) {
      if (error !== suspension && running.next === undefined && !running.isAbandoned) {
        running.failure = { error };
      }
    } finally {
      current = outer;
    }
    return running;
  }

  /** From here on every step is one of its own: call it when the parties are set up. */
  begin(): void {
    this.#free = false;
  }

  /**
   * Says that what the program does from here on depends on nothing but these objects, so that histories that led
   * to the same are not told apart any more. Without it they are, which is always right but takes longer.
   */
  settle(...locals: readonly unknown[]): void {
    this.frames?.settle(locals);
    if (this.next !== undefined || this.#cursor < this.#known) return;
    this.settled = { text: textOfState(locals), steps: this.#cursor };
  }

  /**
   * Says that the program runs instrumented source (instrument.ts), so that between one {@link Party.settle} and the next, too,
   * histories that led to the same are not told apart.
   */
  remember(frames: Frames): void {
    this.frames = frames;
  }

  /** What comes next is not followed: more of the same, without an end. */
  abandon(): never {
    this.isAbandoned = true;
    throw suspension;
  }

  /**
   * Runs `steps`, of which nothing matters but what these objects are when all are made: how often somebody had to look until
   * it had a lock, say. As {@link Party.settle}, for a call in the middle.
   */
  condense(steps: () => void, ...locals: readonly unknown[]): void {
    const from = this.#cursor;
    steps();
    if (this.next === undefined) this.condensed.push({ from, to: this.#cursor, text: textOfState(locals) });
  }

  /** Whether the set-up is over: from then on what is written counts as variable. */
  get hasBegun(): boolean {
    return !this.#free;
  }

  /** What the next step came to when it was made, in an earlier run. Most are: ask before describing a step. */
  recall(): { readonly value: unknown } | undefined {
    if (this.next !== undefined || this.isAbandoned) throw suspension;
    const entry = this.log[this.#cursor];
    if (entry === undefined) return undefined;
    this.#cursor++;
    this.#remember(entry);
    if ('error' in entry) throw entry.error;
    return entry;
  }

  /** Makes a step while all set up, and stops the program before any other. */
  step(step: Step): unknown {
    const known = this.recall();
    if (known !== undefined) return known.value;
    if (!this.#free) {
      if (this.log.length > endless) throw new Error(`${step.name}: a run without an end`);
      this.memory = this.frames?.text();
      this.next = step;
      throw suspension;
    }
    const way = step.ways?.(this.world)[0] ?? '';
    this.accesses.clear();
    return this.#record(entryOf(() => step.make(this.world, way)));
  }

  /** Something that happens together with the last step, and is remembered like one. */
  along(make: Make): unknown {
    const known = this.recall();
    if (known !== undefined) return known.value;
    const entry = entryOf(() => make(this.world, this.accesses));
    this.trail.push({ make, entry });
    return this.#record(entry);
  }

  #record(entry: Entry): unknown {
    this.log.push(entry);
    this.#cursor++;
    this.#remember(entry);
    if ('error' in entry) throw entry.error;
    return entry.value;
  }

  #remember(entry: Entry): void {
    this.frames?.add('error' in entry ? String(entry.error) : entry.value);
  }
}
