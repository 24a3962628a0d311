/**
 * A party: a program that runs until its next step, again and again.
 *
 * JavaScript cannot stop in the middle of a function and go on in two ways. So a party is run from its start each
 * time, fed with what its earlier steps came to, until it reaches a step it has not made; there it is thrown out. A step
 * is an atomic operation or a system call. Plain accesses and entries in the scenario's record happen together with
 * the step before them: the check for data races (shared-memory.ts) is what makes that enough.
 */
import type { Frames } from './frames.ts';
import { startFootprint, type Footprint } from './footprint.ts';
import { textOfState } from './local-state.ts';
import { barrier } from './weak-memory.ts';
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
type Entry = { readonly value: unknown } | { readonly error: unknown };

/** Thrown through the program to stop it. Not an Error: nobody but the party may recognise it. */
const suspension: unknown = Object.freeze({ suspended: true });

/** More steps than any terminating run takes. */
const endless = 3000;

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
  /** Plain accesses since the last step: key of the word, and whether it was written. */
  readonly accesses: Map<number, boolean> = new Map<number, boolean>();
  /** The local state where this run has written it down last. */
  settled: Settled | undefined;
  /** Steps of which nothing but the outcome matters, once they are all made. */
  readonly condensed: { readonly from: number; readonly to: number; readonly text: string }[] = [];
  /** What it remembered when it reached its next step, if it says so by {@link Party.remember}. */
  memory: string | undefined;
  /** Of a program that runs instrumented source. */
  frames: Frames | undefined;
  #cursor = 0;
  #way: string | undefined;
  #next: Step | undefined;
  #free = true;
  #isAbandoned = false;
  /** Entries of the log that are from earlier runs. */
  readonly #known: number;
  /** Called before each step of a run ahead. */
  #ahead: ((step: Footprint) => void) | undefined;

  private constructor(
    index: number,
    world: World,
    variables: Variables,
    log: Entry[],
    way: string | undefined,
  ) {
    this.index = index;
    this.world = world;
    this.variables = variables;
    this.log = log;
    this.#way = way;
    this.#known = log.length;
  }

  /**
   * Runs `program` over the finished steps in `log`, then one step more in the way `way`, up to the step after that.
   *
   * @param way - undefined: everything up to the first step after `begin` is done in one go.
   * @returns undefined when it was abandoned. @throws What the program throws, and anything that is wrong with it.
   */
  static run(
    index: number,
    program: () => void,
    world: World,
    variables: Variables,
    log: readonly Entry[],
    way: string | undefined,
  ): { readonly party: Party; readonly next: Step | undefined } | undefined {
    const running = new Party(index, world, variables, log.slice(), way);
    running.#run(program);
    return running.#isAbandoned ? undefined : { party: running, next: running.#next };
  }

  /**
   * Runs `program` over the finished steps in `log` and then as far as it comes alone, while all others stand still.
   *
   * @param made - Called before each step, with what will be its footprint.
   * @returns The step it cannot make, if any. @throws As {@link Party.run}; and when a step can go in several ways, or it is abandoned.
   */
  static runAhead(
    index: number,
    program: () => void,
    world: World,
    variables: Variables,
    log: readonly Entry[],
    made: (step: Footprint) => void,
  ): Step | undefined {
    const running = new Party(index, world, variables, log.slice(), undefined);
    running.#ahead = made;
    running.#run(program);
    if (running.#isAbandoned) throw new Error('abandoned');
    return running.#next;
  }

  #run(program: () => void): void {
    const outer = current;
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the program finds its party by party()
    current = this;
    try {
      program();
    } catch (error) {
      if (error !== suspension && this.#next === undefined && !this.#isAbandoned) throw error;
    } finally {
      current = outer;
    }
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
    if (this.#next !== undefined || this.#cursor < this.#known) return;
    this.settled = { text: textOfState(locals), steps: this.log.length };
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
    this.#isAbandoned = true;
    throw suspension;
  }

  /**
   * Runs `steps`, of which nothing matters but what these objects are when all are made: how often somebody had to look until
   * it had a lock, say. As {@link Party.settle}, for a call in the middle.
   */
  condense(steps: () => void, ...locals: readonly unknown[]): void {
    const from = this.#cursor;
    steps();
    if (this.#next === undefined) this.condensed.push({ from, to: this.#cursor, text: textOfState(locals) });
  }

  /** Whether the set-up is over: from then on what is written counts as variable. */
  get hasBegun(): boolean {
    return !this.#free;
  }

  /** What the next step came to when it was made, in an earlier run. Most are: ask before describing a step. */
  recall(): { readonly value: unknown } | undefined {
    if (this.#next !== undefined || this.#isAbandoned) throw suspension;
    const entry = this.log[this.#cursor];
    if (entry === undefined) return undefined;
    this.#cursor++;
    this.#remember(entry);
    if ('error' in entry) throw entry.error;
    return entry;
  }

  /** Makes a step, or stops the program before it. */
  step(step: Step): unknown {
    const known = this.recall();
    if (known !== undefined) return known.value;
    let ahead: Footprint | undefined;
    if (!this.#free) {
      if (this.#way === undefined) ahead = this.#goAhead(step);
      if (this.#way === undefined && ahead === undefined) {
        if (this.#ahead === undefined) this.memory = this.frames?.text();
        this.#next = step;
        throw suspension;
      }
      if (this.log.length > endless) throw new Error(`${step.name}: a run without an end`);
    }
    const way = this.#way ?? step.ways?.(this.world)[0] ?? '';
    this.#way = undefined;
    this.accesses.clear();
    if (step.isAccess !== true) barrier(this.world, this.index);
    const value = this.#record(() => step.make(this.world, way));
    if (ahead?.changes === true && step.reads !== true) this.world.stir(this.index);
    return value;
  }

  /** The footprint of the next step of a run ahead, to be; undefined if it cannot be made. */
  #goAhead(step: Step): Footprint | undefined {
    if (this.#ahead === undefined) return undefined;
    const footprint = startFootprint();
    const ways = step.ways?.(this.world).length ?? 1;
    if (ways > 1) throw new Error(`${step.name} can go in ${ways} ways`);
    if (ways === 0 || step.isPatient?.(this.world) === true) return undefined;
    this.#ahead(footprint);
    return footprint;
  }

  /** Something that happens together with the last step, and is remembered like one. */
  along(make: (world: World) => unknown): unknown {
    const known = this.recall();
    return known === undefined ? this.#record(() => make(this.world)) : known.value;
  }

  #record(make: () => unknown): unknown {
    let entry: Entry;
    try {
      entry = { value: make() };
    } catch (error) {
      entry = { error };
    }
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

export type { Entry };
