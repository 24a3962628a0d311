import { Counters, Region, SharedMap, type Counter } from '@ipc/shm';

/** Entries of the map that come and go; one more counts. */
export const keys: readonly string[] = Array.from({ length: 16 }, (_, key) => `key ${key}`);
export const valueBytes = 64;

/** A map, a counter, and the name of a latest value that several processes change; and a word in which they note what they have done. */
export class KillValues {
  readonly map: SharedMap;
  readonly counter: Counter;
  readonly #counters: Counters;
  readonly #journal: Region;

  constructor(name: string) {
    const lifetime = 'while-open';
    this.#journal = Region.openOrCreate(name, { kind: 'faults', bytes: 64, lifetime });
    this.map = SharedMap.open(name, { capacity: 24, keyBytes: 8, valueBytes, lifetime });
    this.#counters = Counters.open(name, { capacity: 8, lifetime });
    this.counter = this.#counters.counter('changes');
  }

  /** One is added in the map, and by the counter; then it is noted. */
  count(): void {
    this.map.add('count', 1);
    this.counter.increment();
    Atomics.add(this.#journal.words, 0, 1);
  }

  get noted(): number {
    return Atomics.load(this.#journal.words, 0);
  }

  /** What was added in the map, and by the counter. */
  get counted(): readonly number[] {
    return [this.map.add('count', 0), this.counter.value];
  }

  close(): void {
    this.map.close();
    this.#counters.close();
    this.#journal.close();
  }
}
