import { BellLine } from './bell.ts';
import { ANNOUNCEMENT, BELL } from './participants-layout.ts';

/** Lines to the bells of participants, by where in the region each one's line of the table is: opened when needed, and kept. */
export class BellLines {
  readonly #words: Int32Array;
  readonly #lines = new Map<number, BellLine>();

  constructor(words: Int32Array) {
    this.#words = words;
  }

  [Symbol.iterator](): IterableIterator<[number, BellLine]> {
    return this.#lines.entries();
  }

  /** Wakes who has this line of the table, if it sleeps. */
  ring(line: number): void {
    const announcement = Atomics.load(this.#words, line + ANNOUNCEMENT);
    if (announcement === 0) return;
    this.to(line)?.ring();
    Atomics.compareExchange(this.#words, line + ANNOUNCEMENT, announcement, 0);
  }

  /** Undefined when nobody listens there any more. */
  to(line: number): BellLine | undefined {
    const high = Atomics.load(this.#words, line + BELL);
    const low = Atomics.load(this.#words, line + BELL + 1);
    const known = this.#lines.get(line);
    if (known?.high === high && known.low === low) return known;
    this.drop(line);
    const opened = BellLine.open(high, low);
    if (opened !== undefined) this.#lines.set(line, opened);
    return opened;
  }

  drop(line: number): void {
    this.#lines.get(line)?.close();
    this.#lines.delete(line);
  }

  close(): void {
    for (const line of this.#lines.values()) line.close();
    this.#lines.clear();
  }
}
