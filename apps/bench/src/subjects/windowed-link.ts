import { Inbox } from '../inbox.ts';
import type { Link } from '../subject.ts';

/** What carries messages to callbacks, and says nothing about how many are on their way. */
export interface Carrier<T> {
  post(message: T): void;
  /** Carries it to `acknowledged` of the other end. */
  acknowledge(cost: number): void;
  close(): void | Promise<void>;
}

/** Gives backpressure to what has none: the receiver reports what it took, a quarter window at a time. */
export class WindowedLink<T extends { readonly length: number }> implements Link<T> {
  readonly #carrier: Carrier<T>;
  readonly #inbox = new Inbox<T>();
  #underWay = 0;
  #taken = 0;
  #resume: (() => void) | undefined;

  constructor(carrier: Carrier<T>) {
    this.#carrier = carrier;
  }

  /** A message has come. */
  arrived(message: T): void {
    this.#inbox.put(message);
  }

  /** The other end has taken so much. */
  acknowledged(cost: number): void {
    this.#underWay -= cost;
    this.#resume?.();
    this.#resume = undefined;
  }

  /** Nothing more will come. */
  ended(): void {
    this.#inbox.end();
  }

  trySend(message: T): boolean {
    if (this.#underWay >= windowCost) return false;
    this.#underWay += costOf(message);
    this.#carrier.post(message);
    return true;
  }

  async send(message: T): Promise<void> {
    while (!this.trySend(message)) await new Promise<void>((resolve) => (this.#resume = resolve));
  }

  tryReceive(): T | undefined {
    const message = this.#inbox.tryTake();
    if (message !== undefined) this.#count(message);
    return message;
  }

  async receive(): Promise<T | undefined> {
    const message = await this.#inbox.take();
    if (message !== undefined) this.#count(message);
    return message;
  }

  async close(): Promise<void> {
    await this.#carrier.close();
  }

  #count(message: T): void {
    this.#taken += costOf(message);
    if (this.#taken < windowCost / 4) return;
    this.#carrier.acknowledge(this.#taken);
    this.#taken = 0;
  }
}

/** 2000 small messages under way, or eight of 1 MiB. */
const windowCost = 8 << 20;

function costOf({ length }: { readonly length: number }): number {
  return length + 4096;
}
