import { closedError } from '@ipc/core';
import { Guard } from './guard.ts';
import { FLAG_FAIR, LINE_WORDS, SLOT_HELD, STATE_SLEEPERS } from './lock-layout.ts';
import type { OpenArea } from './open-area.ts';
import type { Participant, ParticipantInfo } from './participant.ts';
import { NO_TICKET, Turns } from './turns.ts';
import { Waiting, type Attempts } from './waiting.ts';

/** One who waits. */
interface Caller<Wish> {
  readonly wish: Wish;
  /** Of a fair lock: its place in line. */
  readonly ticket: number;
}

/**
 * What every lock with more state than an owner has in common: the state changes inside a {@link Guard}, and whoever changes
 * it to somebody's advantage rings, inside the guard and before the change.
 *
 * So a process that dies inside leaves the old state with everybody awake, or the new one with everybody awake, and
 * nobody has to watch those who might have rung. Who holds something is watched, for its death is such a change, too.
 * In a fair lock a sleeper watches the one before it in line instead, who rings when its turn is over.
 */
export abstract class CompoundLock<Wish, Result> implements Disposable, Attempts<Caller<Wish>, Result> {
  readonly name: string | undefined;
  /** Whether this call made it, or found it. */
  readonly created: boolean;
  /** @internal */
  protected readonly participant: Participant;
  /** @internal */
  protected readonly words: Int32Array;
  /** @internal */
  protected readonly guard: Guard;
  readonly #waiting: Waiting<Caller<Wish>, Result>;
  readonly #turns: Turns | undefined;
  readonly #area: OpenArea;
  readonly #what: string;
  readonly #sleepersAt: number;
  /** Who stood before the caller whose attempt failed last: its identity, or 0. */
  #before = 0;
  #open = true;

  protected constructor(area: OpenArea, what: string, name: string | undefined) {
    this.name = name;
    this.created = area.created;
    this.participant = area.participant;
    this.words = area.participant.words;
    this.guard = new Guard(area.participant);
    this.#waiting = new Waiting(area.participant, this);
    this.#turns = (area.flags & FLAG_FAIR) === 0 ? undefined : new Turns(area.participant);
    this.#area = area;
    this.#what = what;
    this.#sleepersAt = area.participant.base + STATE_SLEEPERS;
  }

  /** Lets go: what is held here is given back, callers that wait get ERR_IPC_CLOSED, and the last one removes the name unless the state is worth keeping. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const first = this.#waiting.first;
    this.#waiting.close(closedError(this.#what));
    this.inside(() => {
      this.handBack();
    });
    if (first !== undefined) this.#turns?.forgo(first.ticket);
    this.#area.close(() => this.isPristine());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Who sleeps until it gets what it wants, one entry for each object however many callers it has: a look, it may have changed. */
  get waiters(): readonly ParticipantInfo[] {
    this.checkOpen();
    return this.participant.sleepers.map((slot) => this.participant.info(slot));
  }

  /** @internal */
  attempt(caller: Caller<Wish>, announced: boolean): Result | undefined {
    this.checkOpen();
    this.guard.enter();
    try {
      return this.#takeInside(caller, announced);
    } finally {
      this.guard.leave();
    }
  }

  /** @internal */
  gaveUp({ wish, ticket }: Caller<Wish>): void {
    this.takeBack?.(wish);
    this.#turns?.forgo(ticket);
  }

  /** @internal */
  watched(): readonly number[] {
    const slot = this.participant.slotOf(this.#before);
    return slot === undefined ? this.holders() : [slot];
  }

  /** @internal Inside the guard: takes what `wish` asks for, or undefined. */
  protected abstract take(wish: Wish): Result | undefined;
  /** @internal Inside the guard: gives back everything this object holds. */
  protected abstract handBack(): void;
  /** @internal Whether a new one would be no different. */
  protected abstract isPristine(): boolean;

  /** @internal Asked after a failed attempt: those who hold something. The death of one is a reason to look again. */
  protected holders(): readonly number[] {
    return this.slots((slot) => Atomics.load(this.words, slot + SLOT_HELD) !== 0);
  }

  /** @internal Inside the guard: says in the slot what the sleeper waits for, where others have to know. */
  protected ask?(wish: Wish): void;

  /** @internal A caller has given up that had asked, or would have. */
  protected takeBack?(wish: Wish): void;

  /** @internal Whether a caller need not wait for its turn in a fair lock, to have it or to hear that nobody can. */
  protected goesFirst?(wish: Wish): boolean;

  /** @internal Whether this object is still open. */
  protected get isOpen(): boolean {
    return this.#open;
  }

  /** @internal Whether callers of this object wait on the event loop. */
  protected get hasWaiters(): boolean {
    return this.#waiting.length > 0;
  }

  /** @internal */
  protected get isFair(): boolean {
    return this.#turns !== undefined;
  }

  /** @internal */
  protected checkOpen(): void {
    if (!this.#open) throw closedError(this.#what);
  }

  /** @internal Takes without waiting; undefined, too, when somebody was stopped inside the guard. */
  protected tryTake(wish: Wish): Result | undefined {
    this.checkOpen();
    if (!this.guard.tryEnter()) return undefined;
    try {
      return this.#takeInside({ wish, ticket: NO_TICKET }, false);
    } finally {
      this.guard.leave();
    }
  }

  /** @internal Takes what is free, without asking whether a holder is dead: no system call unless somebody stands in line. */
  protected quickTake(wish: Wish): Result | undefined {
    this.checkOpen();
    if (!this.guard.tryEnter()) return undefined;
    try {
      return this.#turns === undefined ? this.take(wish) : this.#takeInTurn({ wish, ticket: NO_TICKET });
    } finally {
      this.guard.leave();
    }
  }

  /** @internal */
  protected takeOrWait(wish: Wish, signal: AbortSignal | undefined): Promise<Result> {
    try {
      signal?.throwIfAborted();
      const result = this.hasWaiters ? undefined : this.tryTake(wish);
      if (result !== undefined) return Promise.resolve(result);
      this.checkOpen();
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- signal.reason may be anything
      return Promise.reject(error);
    }
    return this.takeLater(wish, signal);
  }

  /** @internal Waits on the event loop, behind those who already do. */
  protected takeLater(wish: Wish, signal: AbortSignal | undefined): Promise<Result> {
    return this.#waiting.wait(this.#callerWith(wish), signal);
  }

  /** @internal Waits blocking the thread; undefined when `timeoutMs` has passed, -1 for never. */
  protected takeSync(wish: Wish, timeoutMs: number): Result | undefined {
    const result = this.#waiting.waitSync(this.#callerWith(wish), timeoutMs);
    this.lookHere(); // meanwhile the slot said what this caller wanted
    return result;
  }

  /** @internal */
  protected inside<Value>(work: () => Value): Value {
    this.guard.enter();
    try {
      return work();
    } finally {
      this.guard.leave();
    }
  }

  /** @internal Inside the guard, before a change to somebody's advantage. */
  protected ring(): void {
    if (this.words[this.#sleepersAt] === 0) return; // a plain look: it is changed inside the guard alone
    this.participant.ringAll();
    Atomics.store(this.words, this.#sleepersAt, 0);
  }

  /** @internal Outside the guard, after such a change: the callers of this very object. */
  protected lookHere(): void {
    if (this.hasWaiters) this.#waiting.look();
  }

  /** @internal The slots, in use at some time, for which `matches`. */
  protected slots(matches: (slot: number) => boolean): number[] {
    const found: number[] = [];
    const { slotsStart, slotsEnd } = this.participant;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) if (matches(slot)) found.push(slot);
    return found;
  }

  /** @internal Whether there is a slot, in use at some time, for which `matches`. */
  protected someSlot(matches: (slot: number) => boolean): boolean {
    const { slotsStart, slotsEnd } = this.participant;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) if (matches(slot)) return true;
    return false;
  }

  #callerWith(wish: Wish): Caller<Wish> {
    return { wish, ticket: this.#turns?.draw() ?? NO_TICKET };
  }

  #takeInside(caller: Caller<Wish>, announced: boolean): Result | undefined {
    if (announced) this.#turns?.stand(caller.ticket);
    const result =
      this.#takeInTurn(caller) ?? (this.participant.buryTheDead() ? this.#takeInTurn(caller) : undefined);
    if (result === undefined && announced)
      Atomics.store(this.words, this.participant.base + STATE_SLEEPERS, 1);
    if (result === undefined && announced) this.ask?.(caller.wish);
    return result;
  }

  #takeInTurn({ wish, ticket }: Caller<Wish>): Result | undefined {
    const turns = this.#turns;
    if (turns === undefined) return this.take(wish);
    this.#before = this.goesFirst?.(wish) === true ? 0 : turns.before(ticket);
    if (this.#before !== 0) return undefined;
    const result = this.take(wish);
    if (result !== undefined && ticket !== NO_TICKET) {
      this.ring(); // those behind: there may be enough for them, too
      turns.served(ticket);
    }
    return result;
  }
}
