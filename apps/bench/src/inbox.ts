import { Deque } from '@ipc/core';

/** Messages that come by callback, for those who take or await them. One waiter at a time. */
export class Inbox<T> {
  readonly #messages = new Deque<T>();
  #waiter: ((message: T | undefined) => void) | undefined;
  #ended = false;

  /** For the callback. */
  put(message: T): void {
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#messages.push(message);
    } else {
      this.#waiter = undefined;
      waiter(message);
    }
  }

  /** Nothing more will come. */
  end(): void {
    this.#ended = true;
    this.#waiter?.(undefined);
    this.#waiter = undefined;
  }

  tryTake(): T | undefined {
    return this.#messages.shift();
  }

  take(): Promise<T | undefined> {
    const message = this.#messages.shift();
    if (message !== undefined || this.#ended) return Promise.resolve(message);
    return new Promise((resolve) => (this.#waiter = resolve));
  }
}
