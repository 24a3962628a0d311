/**
 * How many permits of a semaphore are free: one word, and the slots of those who have the others (lock-layout.ts).
 *
 *    31  30        29                    b b-1               0
 *   +---+---------+-----------------------+------------------+
 *   | 0 | waiters |       recounts        |   free permits   |   b: the bits of the limit; 30 where the permits of the dead stay
 *   +---+---------+-----------------------+------------------+
 *
 * Who takes puts its slot up, then the word down; who gives puts its slot down, then the word up: one compare-exchange, without the
 * guard. So the word says what is free, or less, whatever step anybody dies at, and who does not find enough there adds up the
 * slots: inside the guard, where `waiters` is set first.
 *
 * - Who finds `waiters` when it gives does it inside the guard, and rings. One that was about to give finds the word changed. So a
 *   waiter's sum has everything that was given without a ring.
 * - A recount begins with one store that sets `waiters` and leaves nothing free, so that nobody takes or gives; it ends with one
 *   that counts it and has the sum. A slot that was put up and not followed by the word counts as taken; its owner fails, puts it down again, and
 *   rings if there are waiters. One that was put down and not followed may have counted as free: its owner sees by the number
 *   of recounts that it must not add to the word, and has the slots added up once more.
 *
 * `recounts` wraps, after 1024 at the least: so many of them between two instructions of one that gives would be too many.
 * Where the permits of the dead stay, slots say nothing and nothing is recounted.
 */
import { IpcError } from '@ipc/core';
import { LINE_WORDS, SLOT_HELD, STATE, WAITERS } from './lock-layout.ts';
import type { Participant } from './participant.ts';

export class PermitCount {
  readonly #participant: Participant;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #heldAt: number;
  readonly #limit: number;
  readonly #stays: boolean;
  readonly #freeMask: number;
  readonly #recountMask: number;
  /** What the own slot says. */
  #held = 0;
  #holders: readonly number[] = [];

  /** @param stays - The permits of the dead stay taken. */
  constructor(participant: Participant, limit: number, stays: boolean) {
    this.#participant = participant;
    this.#words = participant.words;
    this.#at = participant.base + STATE;
    this.#heldAt = participant.slot + SLOT_HELD;
    this.#limit = limit;
    this.#stays = stays;
    this.#freeMask = stays ? WAITERS - 1 : (1 << (32 - Math.clz32(limit))) - 1;
    this.#recountMask = (WAITERS - 1) & ~this.#freeMask;
  }

  /** Permits that are free, or fewer. */
  get free(): number {
    return Atomics.load(this.#words, this.#at) & this.#freeMask;
  }

  /** Permits of this participant. */
  get held(): number {
    return this.#held;
  }

  /** The slots that held some when the last attempt inside the guard failed. */
  get holders(): readonly number[] {
    return this.#holders;
  }

  /**
   * Takes permits that the word says are free. Cost: one atomic instruction.
   *
   * @returns 'withdrawn' when there were not enough after all, and a waiter may have believed the own slot: ring, inside the guard.
   */
  take(permits: number): 'taken' | 'withdrawn' | undefined {
    const words = this.#words;
    const word = words[this.#at] ?? 0; // a plain look: the compare-exchange decides
    if ((word & this.#freeMask) < permits) return undefined;
    this.#hold(permits);
    const found = Atomics.compareExchange(words, this.#at, word, word - permits);
    return found === word ? 'taken' : this.#takeAgain(permits, found);
  }

  /** Takes permits that the word, or else the slots, say are free. If not, whoever gives from here on rings. Inside the guard. */
  takeInside(permits: number): boolean {
    for (;;) {
      const word = Atomics.load(this.#words, this.#at);
      if ((word & this.#freeMask) >= permits) {
        if (!this.#replace(word, word - permits)) continue;
        this.#hold(permits);
        return true;
      }
      if ((word & WAITERS) === 0) this.#replace(word, word | WAITERS);
      else if (this.#stays || !this.#recount()) return false;
    }
  }

  /**
   * Gives permits back. Cost: one atomic instruction.
   *
   * @returns undefined when that is all; else the word as it was before, for {@link giveInside}, and to ring inside the guard
   *   before that.
   * @throws {RangeError} Where the permits of the dead stay: there would be more than the limit. @throws {IpcError} ERR_IPC_CORRUPT:
   *   elsewhere.
   */
  give(permits: number): number | undefined {
    const words = this.#words;
    const before = words[this.#at] ?? 0;
    const free = before & this.#freeMask;
    if (free + permits > this.#limit) throw this.#tooMany(free, permits);
    this.#hold(-permits); // no processor makes a store visible before the loads that decide whether it happens
    if ((before & WAITERS) !== 0) return before;
    const found = Atomics.compareExchange(words, this.#at, before, before + permits);
    return found === before ? undefined : this.#giveAgain(permits, before, found);
  }

  /** What `give` could not do. Inside the guard, after everybody was rung: until somebody waits again, permits are given without it. */
  giveInside(permits: number, before: number): void {
    for (;;) {
      const word = Atomics.load(this.#words, this.#at);
      if (((word ^ before) & this.#recountMask) !== 0) {
        this.#recount();
        return;
      }
      if (this.#replace(word, (word + permits) & ~WAITERS)) return;
    }
  }

  /** Another one was quicker. A method of its own, as are the others of those who come to it seldom: what is short, V8 inlines. */
  #takeAgain(permits: number, found: number): 'taken' | 'withdrawn' | undefined {
    const words = this.#words;
    for (let word = found; (word & this.#freeMask) >= permits;) {
      const seen = Atomics.compareExchange(words, this.#at, word, word - permits);
      if (seen === word) return 'taken';
      word = seen;
    }
    if (this.#stays) return undefined;
    // Before the look at WAITERS: who sets it later finds the slot as it is now.
    Atomics.store(words, this.#heldAt, (this.#held -= permits));
    return (Atomics.load(words, this.#at) & WAITERS) === 0 ? undefined : 'withdrawn';
  }

  #giveAgain(permits: number, before: number, found: number): number | undefined {
    for (let word = found; ((word ^ before) & this.#recountMask) === 0 && (word & WAITERS) === 0;) {
      const seen = Atomics.compareExchange(this.#words, this.#at, word, word + permits);
      if (seen === word) return undefined;
      word = seen;
    }
    return before;
  }

  #replace(from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, this.#at, from, to) === from;
  }

  #tooMany(free: number, permits: number): Error {
    const message = `a semaphore has at most ${this.#limit} permits: ${free} are free, ${permits} more do not fit`;
    return this.#stays ? new RangeError(message) : new IpcError('ERR_IPC_CORRUPT', message);
  }

  /** Plain: the compare-exchange that follows, or the end of the guard, publishes it. */
  #hold(permits: number): void {
    if (!this.#stays) this.#words[this.#heldAt] = this.#held += permits;
  }

  /** Inside the guard: puts the word right if the slots say that more is free. False when they do not. */
  #recount(): boolean {
    for (;;) {
      const word = Atomics.load(this.#words, this.#at);
      if (this.#addUp() <= (word & this.#freeMask)) return false;
      if (!this.#replace(word, WAITERS | (word & this.#recountMask))) continue;
      const recounts = (word + this.#freeMask + 1) & this.#recountMask;
      Atomics.store(this.#words, this.#at, WAITERS | recounts | this.#addUp());
      return true;
    }
  }

  /** What the slots leave free, or less. */
  #addUp(): number {
    const holders: number[] = [];
    let free = this.#limit;
    const { slotsStart, slotsEnd } = this.#participant;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) {
      const held = Atomics.load(this.#words, slot + SLOT_HELD);
      if (held === 0) continue;
      if (held < 0 || held > this.#limit)
        throw new IpcError('ERR_IPC_CORRUPT', `of ${this.#limit} permits one has ${held}`);
      holders.push(slot);
      free -= held;
    }
    this.#holders = holders;
    return Math.max(0, free); // one that is just failing to take makes it look like less than nothing
  }
}
