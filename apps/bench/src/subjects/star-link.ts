import { Inbox } from '../inbox.ts';
import type { Link } from '../subject.ts';

/** The leader's end where it has a line to each of several followers: what it sends goes to all, it receives from any. */
export class StarLink<T> implements Link<T> {
  readonly #lines: readonly Link<T>[];
  /** How many have got the message that is being sent. */
  #sentTo = 0;
  /** Of whom a `receive` is under way: the next message of a line comes from there. */
  readonly #awaited = new Set<Link<T>>();
  readonly #inbox = new Inbox<T>();
  #next = 0;

  constructor(lines: readonly Link<T>[]) {
    this.#lines = lines;
  }

  /** False where one of them has to wait; `send` goes on from there. */
  trySend(message: T): boolean {
    for (; this.#sentTo < this.#lines.length; this.#sentTo++) {
      if (this.#lines[this.#sentTo]?.trySend(message) === false) return false;
    }
    this.#sentTo = 0;
    return true;
  }

  async send(message: T): Promise<void> {
    for (; this.#sentTo < this.#lines.length; this.#sentTo++) {
      const line = this.#lines[this.#sentTo];
      if (line?.trySend(message) === false) await line.send(message);
    }
    this.#sentTo = 0;
  }

  tryReceive(): T | undefined {
    const early = this.#inbox.tryTake();
    if (early !== undefined) return early;
    // Everybody once, beginning with who comes after the last one.
    let tries = this.#lines.length;
    while (tries-- > 0) {
      const line = this.#lines[this.#next];
      this.#next = (this.#next + 1) % this.#lines.length;
      if (line === undefined || this.#awaited.has(line)) continue;
      const message = line.tryReceive();
      if (message !== undefined) return message;
    }
    return undefined;
  }

  receive(): Promise<T | undefined> {
    for (const line of this.#lines) {
      if (this.#awaited.has(line)) continue;
      this.#awaited.add(line);
      line.receive().then(
        (message) => {
          this.#awaited.delete(line);
          if (message === undefined) this.#inbox.end();
          else this.#inbox.put(message);
        },
        () => {
          this.#inbox.end();
        },
      );
    }
    return this.#inbox.take();
  }

  async close(): Promise<void> {
    await Promise.all(this.#lines.map((line) => line.close()));
  }
}
