import { Deque } from './deque.ts';
import { onAbort } from './on-abort.ts';

interface Waiter<Item, Result> {
  readonly item: Item;
  settled: boolean;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Callers that wait, first come first served, each with the item it waits for.
 *
 * An abort takes its waiter out at once: it is skipped, never served (C8). All calls
 * are O(1); an aborted waiter's slot is dropped when it reaches the front.
 */
export class WaitQueue<Item, Result> {
  readonly #waiters = new Deque<Waiter<Item, Result>>();
  readonly #onAbort: ((item: Item) => void) | undefined;
  #live = 0;

  /** @param onAbort - Told after a waiter was taken out by its signal; `length` may be 0 by then. */
  constructor(onAbort?: (item: Item) => void) {
    this.#onAbort = onAbort;
  }

  /** Waiters neither served nor aborted. */
  get length(): number {
    return this.#live;
  }

  /** The first waiter's item, `undefined` when nobody waits. */
  peek(): Item | undefined {
    return this.#front()?.item;
  }

  /** Waits behind everyone else. The caller has checked that `signal` is not yet aborted. */
  wait(item: Item, signal: AbortSignal | undefined): Promise<Result> {
    return new Promise((resolve, reject) => {
      const settle = (): boolean => {
        if (waiter.settled) return false;
        waiter.settled = true;
        this.#live--;
        forget?.();
        return true;
      };
      const waiter: Waiter<Item, Result> = {
        item,
        settled: false,
        resolve: (result) => {
          if (settle()) resolve(result);
        },
        reject: (error) => {
          const reason = error as Error; // or whatever a signal has been given
          if (settle()) reject(reason);
        },
      };
      this.#waiters.push(waiter);
      this.#live++;
      const forget =
        signal &&
        onAbort(signal, () => {
          waiter.reject(signal.reason);
          this.#onAbort?.(item);
        });
    });
  }

  /** Serves the first waiter; false when nobody waits. */
  resolveNext(result: Result): boolean {
    const waiter = this.#front();
    if (waiter === undefined) return false;
    this.#waiters.shift();
    waiter.resolve(result);
    return true;
  }

  /** Fails the first waiter; false when nobody waits. */
  rejectNext(error: unknown): boolean {
    const waiter = this.#front();
    if (waiter === undefined) return false;
    this.#waiters.shift();
    waiter.reject(error);
    return true;
  }

  resolveAll(result: Result): void {
    while (this.resolveNext(result));
  }

  rejectAll(error: unknown): void {
    while (this.rejectNext(error));
  }

  #front(): Waiter<Item, Result> | undefined {
    for (;;) {
      const waiter = this.#waiters.peek();
      if (waiter?.settled !== true) return waiter;
      this.#waiters.shift();
    }
  }
}
