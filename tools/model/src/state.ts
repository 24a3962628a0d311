/** States, and the moves from one to the next: a step of a party, its death, what the kernel does for the dead. */
import { Footprint, touches } from './footprint.ts';
import { FILE } from './kernel.ts';
import type { Step } from './party.ts';
import type { Place, Places } from './place.ts';
import type { Scenario } from './scenario.ts';
import { checkMixing, checkRaces } from './shared-memory.ts';
import { barrier, makeVisible, visibleNext } from './weak-memory.ts';
import { World } from './world.ts';

export interface State {
  readonly world: World;
  /** Where each party stands. */
  readonly places: readonly Place[];
  readonly deaths: number;
  readonly depth: number;
  readonly before: State | undefined;
  /** What led here. */
  readonly move: string;
}

/** Something that can happen in a state. */
export interface Move {
  readonly name: string;
  /** Whose step it is, or who dies, or is dead. */
  readonly by: number;
  /** `patience`: a step that is made only because nobody else can make one. */
  readonly kind: 'step' | 'patience' | 'death' | 'kernel' | 'memory';
  /** Undefined: the party abandons it. */
  make(): Made | undefined;
}

/** What a move comes to. */
export interface Made {
  readonly state: State;
  readonly footprint: Footprint;
}

/** Programs with the search's knowledge of them. */
export interface Subject {
  readonly scenario: Scenario;
  readonly places: Places;
}

/** Everybody sets up, one after the other. */
export function setUp({ scenario, places }: Subject): State {
  const world = World.of(scenario.memoryBytes, scenario.parties, scenario.record, scenario);
  const first = Array.from({ length: scenario.parties }, (_, index) => places.first(index, world));
  return { world, places: first, deaths: 0, depth: 0, before: undefined, move: 'set-up' };
}

/** Everything that can happen. */
export function movesFrom(subject: Subject, state: State): Move[] {
  const { world, places } = state;
  const moves: Move[] = [];
  const patient: Move[] = [];
  let isMoving = false;
  for (const [by, { next }] of places.entries()) {
    for (const at of visibleNext(world, by)) {
      isMoving = true;
      moves.push(visibly(state, by, at));
    }
    if (world.dead[by] === true) {
      for (const descriptor of world.kernel.remains(by)) {
        isMoving = true;
        moves.push(reaping(state, by, descriptor));
      }
      continue;
    }
    if (next === undefined) continue;
    for (const way of next.ways?.(world) ?? ['']) {
      if (next.isPatient?.(world) === true) patient.push(stepping(subject, state, by, 'patience', next, way));
      else {
        isMoving = true;
        moves.push(stepping(subject, state, by, 'step', next, way));
      }
    }
    if (mayDie(subject, state, by)) moves.push(dying(subject, state, by));
  }
  return isMoving ? moves : [...moves, ...patient];
}

/** Whether the death of a party is among the moves. */
export function mayDie({ scenario }: Subject, { world, places, deaths }: State, index: number): boolean {
  return (
    world.dead[index] !== true &&
    places[index]?.next !== undefined &&
    deaths < (scenario.deaths ?? 0) &&
    (scenario.mortals?.includes(index) ?? true)
  );
}

/**
 * A party dies, and the scenario's book shows it. What the book says of the party is taken to be its own affair: the death
 * counts as touching the book only if it changes something there.
 */
export function die({ scenario }: Subject, world: World, index: number): void {
  world.dead[index] = true;
  const isNoted = new Footprint().during(() => {
    const before = JSON.stringify(world.record);
    scenario.died?.(world, index);
    return JSON.stringify(world.record) !== before;
  });
  if (isNoted) touches('record', 'writes');
}

function stepping(
  subject: Subject,
  state: State,
  by: number,
  kind: 'step' | 'patience',
  step: Step,
  way: string,
): Move {
  const name = `${by}: ${step.name}${way === '' ? '' : ` -> ${way}`}`;
  return {
    name,
    by,
    kind,
    make: () => {
      const world = state.world.copy();
      const others = state.places.filter((_, other) => other !== by && state.world.dead[other] !== true);
      for (const { accesses } of others) checkMixing(accesses, step);
      const footprint = new Footprint();
      const place = footprint.during(() => {
        step.ways?.(world);
        return subject.places.after(by, state.places[by] as Place, world, way);
      });
      if (place === undefined) return undefined;
      for (const { accesses } of others) checkRaces(place.accesses, accesses);
      if (footprint.changes && step.reads !== true) {
        footprint.during(() => {
          world.stir(by);
        });
      }
      const places = state.places.with(by, place);
      return {
        state: { ...state, world, places, depth: state.depth + 1, before: state, move: name },
        footprint,
      };
    },
  };
}

function dying(subject: Subject, state: State, by: number): Move {
  return otherwise(state, by, `${by}: dies`, 'death', (world) => {
    world.entered().stopSleeping(by);
    die(subject, world, by);
  });
}

function reaping(state: State, by: number, descriptor: number): Move {
  const what = descriptor === FILE ? 'the file' : `descriptor ${descriptor}`;
  return otherwise(state, by, `${by}: kernel closes ${what} of the dead`, 'kernel', (world) => {
    barrier(world, by);
    world.entered().close(by, descriptor);
    world.stir(by);
  });
}

function visibly(state: State, by: number, at: number): Move {
  const word = state.world.sights[by]?.pending[at]?.word;
  return otherwise(state, by, `${by}: store ${word} becomes visible`, 'memory', (world) => {
    makeVisible(world, by, at);
    world.stir(by);
  });
}

/** A move that no program makes. */
function otherwise(
  state: State,
  by: number,
  name: string,
  kind: 'death' | 'kernel' | 'memory',
  work: (world: World) => void,
): Move {
  return {
    name,
    by,
    kind,
    make: () => {
      const world = state.world.copy();
      const footprint = new Footprint();
      footprint.during(() => {
        work(world);
      });
      const after = {
        ...state,
        world,
        deaths: state.deaths + (kind === 'death' ? 1 : 0),
        depth: state.depth + 1,
        before: state,
        move: name,
      };
      return { state: after, footprint };
    },
  };
}
