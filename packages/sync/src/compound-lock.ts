import { closedError } from '@ipc/core';
import { Guard } from './guard.ts';
import { LINE_WORDS, SLOT_HELD, STATE_SLEEPERS } from './lock-layout.ts';
import type { OpenArea } from './open-area.ts';
import type { Participant } from './participant.ts';
import { Waiting, type Attempts } from './waiting.ts';

/**
 * What every lock with more state than an owner has in common: the state changes inside a {@link Guard}, and whoever changes
 * it to somebody's advantage rings, inside the guard and before the change.
 *
 * So a process that dies inside leaves the old state with everybody awake, or the new one with everybody awake, and
 * nobody has to watch those who might have rung. Who holds something is watched, for its death is such a change, too.
 */
export abstract class CompoundLock<Item, Result> implements Disposable, Attempts<Item, Result> {
  readonly name: string | undefined;
  /** Whether this call made it, or found it. */
  readonly created: boolean;
  /** @internal */
  protected readonly participant: Participant;
  /** @internal */
  protected readonly words: Int32Array;
  /** @internal */
  protected readonly waiting: Waiting<Item, Result>;
  readonly #area: OpenArea;
  readonly #guard: Guard;
  readonly #what: string;
  #open = true;

  protected constructor(area: OpenArea, what: string, name: string | undefined) {
    this.name = name;
    this.created = area.created;
    this.participant = area.participant;
    this.words = area.participant.words;
    this.waiting = new Waiting(area.participant, this);
    this.#area = area;
    this.#guard = new Guard(area.participant);
    this.#what = what;
  }

  /** Lets go: what is held here is given back, callers that wait get ERR_IPC_CLOSED, and the last one removes the name unless the state is worth keeping. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.waiting.close(closedError(this.#what));
    this.inside(() => {
      this.handBack();
    });
    this.#area.close(() => this.isPristine());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  attempt(item: Item, announced: boolean): Result | undefined {
    this.checkOpen();
    this.#guard.enter();
    try {
      return this.#takeInside(item, announced);
    } finally {
      this.#guard.leave();
    }
  }

  /** @internal Those who hold something: the death of one is a reason to look again. */
  watched(): readonly number[] {
    return this.slots((slot) => Atomics.load(this.words, slot + SLOT_HELD) !== 0);
  }

  /** @internal Inside the guard: takes what `item` asks for, or undefined. */
  protected abstract take(item: Item): Result | undefined;
  /** @internal Inside the guard: gives back everything this object holds. */
  protected abstract handBack(): void;
  /** @internal Whether a new one would be no different. */
  protected abstract isPristine(): boolean;

  /** @internal Whether this object is still open. */
  protected get isOpen(): boolean {
    return this.#open;
  }

  /** @internal */
  protected checkOpen(): void {
    if (!this.#open) throw closedError(this.#what);
  }

  /** @internal Takes without waiting; undefined, too, when somebody was stopped inside the guard. */
  protected tryTake(item: Item): Result | undefined {
    this.checkOpen();
    if (!this.#guard.tryEnter()) return undefined;
    try {
      return this.#takeInside(item, false);
    } finally {
      this.#guard.leave();
    }
  }

  /** @internal Takes what is free, without asking whether a holder is dead: no system call. */
  protected quickTake(item: Item): Result | undefined {
    this.checkOpen();
    if (!this.#guard.tryEnter()) return undefined;
    try {
      return this.take(item);
    } finally {
      this.#guard.leave();
    }
  }

  /** @internal */
  protected takeOrWait(item: Item, signal: AbortSignal | undefined): Promise<Result> {
    try {
      signal?.throwIfAborted();
      const result = this.waiting.length === 0 ? this.tryTake(item) : undefined;
      if (result !== undefined) return Promise.resolve(result);
      this.checkOpen();
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- signal.reason may be anything
      return Promise.reject(error);
    }
    return this.waiting.wait(item, signal);
  }

  /** @internal */
  protected inside<Value>(work: () => Value): Value {
    this.#guard.enter();
    try {
      return work();
    } finally {
      this.#guard.leave();
    }
  }

  /** @internal Inside the guard, before a change to somebody's advantage. */
  protected ring(): void {
    const sleepers = this.participant.base + STATE_SLEEPERS;
    if (Atomics.load(this.words, sleepers) === 0) return;
    this.participant.ringAll();
    Atomics.store(this.words, sleepers, 0);
  }

  /** @internal Outside the guard, after such a change: the callers of this very object. */
  protected lookHere(): void {
    if (this.waiting.length > 0) this.waiting.look();
  }

  /** @internal The slots, in use at some time, for which `matches`. */
  protected slots(matches: (slot: number) => boolean): number[] {
    const found: number[] = [];
    const { slotsStart, slotsEnd } = this.participant;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) if (matches(slot)) found.push(slot);
    return found;
  }

  #takeInside(item: Item, announced: boolean): Result | undefined {
    const result = this.take(item) ?? (this.participant.buryTheDead() ? this.take(item) : undefined);
    if (result === undefined && announced)
      Atomics.store(this.words, this.participant.base + STATE_SLEEPERS, 1);
    return result;
  }
}
