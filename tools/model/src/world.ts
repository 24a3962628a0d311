import { Kernel } from './kernel.ts';

/** Everything the parties share: memory, the kernel's objects, and what the scenario keeps book of. One for every state; what a step does not change it shares with the state before. */
export class World {
  /** To read; write through {@link World.writable}. */
  memory: Int32Array<ArrayBuffer>;
  /** To look at; change it through {@link World.entered}. */
  kernel: Kernel;
  /** The scenario's own record, by which it judges. Plain data; not visible to the code under test. */
  record: Readonly<Record<string, unknown>>;
  /** For each party: whether anybody else has changed anything since it last woke from a nap. */
  readonly restless: boolean[];
  /** For each party: how often it has woken from a nap. */
  readonly naps: number[];
  /** For each party: whether its process is dead. */
  readonly dead: boolean[];
  #ownsMemory = false;
  #ownsKernel = false;

  private constructor(
    memory: Int32Array<ArrayBuffer>,
    kernel: Kernel,
    record: World['record'],
    restless: boolean[],
    naps: number[],
    dead: boolean[],
  ) {
    this.memory = memory;
    this.kernel = kernel;
    this.record = record;
    this.restless = restless;
    this.naps = naps;
    this.dead = dead;
  }

  static of(memoryBytes: number, parties: number, record: World['record']): World {
    return new World(
      new Int32Array(new ArrayBuffer(memoryBytes)),
      Kernel.of(parties),
      record,
      Array.from({ length: parties }, () => true),
      Array.from({ length: parties }, () => 0),
      Array.from({ length: parties }, () => false),
    );
  }

  /** The world in which the next step happens. */
  copy(): World {
    return new World(
      this.memory,
      this.kernel,
      this.record,
      this.restless.slice(),
      this.naps.slice(),
      this.dead.slice(),
    );
  }

  /** A party wakes from a nap. */
  wake(party: number): void {
    this.restless[party] = false;
    this.naps[party] = (this.naps[party] ?? 0) + 1;
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
