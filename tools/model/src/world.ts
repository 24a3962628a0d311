import { touches } from './footprint.ts';
import { Kernel } from './kernel.ts';
import { clearSight, type Processor, type Sight } from './weak-memory.ts';

/** What memory does with accesses that race. */
export interface MemoryRules {
  /**
   * Words that parties access plainly while others change them, on purpose: each such access is a step. The answer may depend on what
   * the party has done until then, but on nothing else. @default none
   */
  readonly races?: (word: number, writes: boolean) => boolean;
  /** Whose loads and stores they are: they happen as late and as early as it may let them. @default one after the other */
  readonly processor?: Processor;
}

/** So many naps of a party may end at any time; later ones end when nothing else can happen. */
export const restlessNaps = 1;

/** Everything the parties share: memory, the kernel's objects, and what the scenario keeps book of. One for every state; what a step does not change it shares with the state before. */
export class World {
  /** To read; write through {@link World.writable}. */
  memory: Int32Array<ArrayBuffer>;
  /** To look at; change it through {@link World.entered}. */
  kernel: Kernel;
  /** For each party: whether anybody else has changed anything since it last woke from a nap. */
  readonly restless: boolean[];
  /** For each party: how often it has woken from a nap, up to {@link restlessNaps}: what matters of it. */
  readonly naps: number[];
  /** For each party: whether its process is dead. */
  readonly dead: boolean[];
  /** For each party: its sight of memory. */
  readonly sights: Sight[];
  readonly rules: MemoryRules;
  #record: Readonly<Record<string, unknown>>;
  #ownsMemory = false;
  #ownsKernel = false;

  private constructor(
    memory: Int32Array<ArrayBuffer>,
    kernel: Kernel,
    record: World['record'],
    restless: boolean[],
    naps: number[],
    dead: boolean[],
    sights: Sight[],
    rules: MemoryRules,
  ) {
    this.memory = memory;
    this.kernel = kernel;
    this.#record = record;
    this.restless = restless;
    this.naps = naps;
    this.dead = dead;
    this.sights = sights;
    this.rules = rules;
  }

  static of(memoryBytes: number, parties: number, record: World['record'], rules: MemoryRules = {}): World {
    return new World(
      new Int32Array(new ArrayBuffer(memoryBytes)),
      Kernel.of(parties),
      record,
      Array.from({ length: parties }, () => true),
      Array.from({ length: parties }, () => 0),
      Array.from({ length: parties }, () => false),
      Array.from({ length: parties }, () => clearSight),
      rules,
    );
  }

  /** The world in which the next step happens. */
  copy(): World {
    return new World(
      this.memory,
      this.kernel,
      this.#record,
      this.restless.slice(),
      this.naps.slice(),
      this.dead.slice(),
      this.sights.slice(),
      this.rules,
    );
  }

  /** The scenario's own record, by which it judges. Plain data; not visible to the code under test. */
  get record(): Readonly<Record<string, unknown>> {
    touches('record', 'reads');
    return this.#record;
  }

  set record(record: Readonly<Record<string, unknown>>) {
    touches('record', 'writes');
    this.#record = record;
  }

  get processor(): Processor | undefined {
    return this.rules.processor;
  }

  /** Whether an access to a word races on purpose. */
  races(word: number, writes: boolean): boolean {
    return this.rules.races?.(word, writes) === true;
  }

  /** Whether a napping party may look again: somebody has changed something. */
  mayLookAgain(party: number): boolean {
    touches(`nap ${party}`, 'reads');
    return this.restless[party] === true;
  }

  /** Something changed: whoever naps may look again. */
  stir(by: number): void {
    for (let other = 0; other < this.restless.length; other++) {
      if (other === by) continue;
      touches(`nap ${other}`, 'adds');
      this.restless[other] = true;
    }
  }

  /** A party wakes from a nap. */
  wake(party: number): void {
    touches(`nap ${party}`, 'writes');
    this.restless[party] = false;
    this.naps[party] = Math.min((this.naps[party] ?? 0) + 1, restlessNaps);
  }

  writable(): Int32Array<ArrayBuffer> {
    if (!this.#ownsMemory) {
      this.#ownsMemory = true;
      this.memory = this.memory.slice();
    }
    return this.memory;
  }

  entered(): Kernel {
    if (!this.#ownsKernel) {
      this.#ownsKernel = true;
      this.kernel = this.kernel.copy();
    }
    return this.kernel;
  }
}
