/**
 * A word that names its owner (lock-layout.ts): the algorithm of every lock here, in three steps.
 *
 * - take: compare-exchange from 0 to the own identity;
 * - give: exchange with 0, and ring for those who wait if the word said that there are any;
 * - take over: compare-exchange from a dead owner's identity to the own one, leaving ABANDONED in the word.
 *
 * The owner may die between any two instructions: until `give`'s exchange the word names it, and its death is proved by the
 * kernel; after the exchange and before the ring, those who sleep hear of its death by its bell, which they watch.
 * A sleeper first announces itself in its slot, then sets WAITERS in the word, and only if the word still names the
 * owner it saw: a `give` that misses the bit has changed the word, and the sleeper's compare-exchange fails.
 *
 * In a fair lock the word has WAITERS from the moment on that somebody sleeps in line (turns.ts), so that `take` fails, and `attempt`
 * lets nobody in before its turn: `give` leaves the bit there, and only who has the lock, and finds nobody else in line, takes it away.
 */
import { ABANDONED, IDENTITY, STATE_OWNER, UNRECOVERABLE, WAITERS } from './lock-layout.ts';
import type { Participant } from './participant.ts';
import { NO_TICKET, type Turns } from './turns.ts';
import { unrecoverableError } from './unrecoverable-error.ts';

/** What an attempt came to. */
export type Taken = 'taken' | 'abandoned' | undefined;

export class OwnerWord {
  readonly participant: Participant;
  /** Replaced by a word that is never free when the lock is closed: the fast path needs no check of its own. */
  #words: Int32Array;
  #at: number;
  readonly #me: number;
  readonly #turns: Turns | undefined;
  #blocker = 0;

  /** @param turns - Of a fair lock. */
  constructor(participant: Participant, turns?: Turns) {
    this.participant = participant;
    this.#words = participant.words;
    this.#at = participant.base + STATE_OWNER;
    this.#me = participant.identity;
    this.#turns = turns;
    this.#settle();
  }

  /** Takes a free, clean lock. Cost: one atomic instruction. */
  take(): boolean {
    return Atomics.compareExchange(this.#words, this.#at, 0, this.#me) === 0;
  }

  /** Gives the lock back. The caller holds it. Cost: one atomic instruction; a system call per sleeper when there are any. */
  give(): void {
    if (Atomics.compareExchange(this.#words, this.#at, this.#me, 0) !== this.#me) this.giveAs(0);
  }

  /** Gives the lock back with a mark in the word: ABANDONED, UNRECOVERABLE, or another participant's identity. */
  giveAs(mark: number): void {
    const line = this.#turns === undefined ? 0 : WAITERS;
    if ((Atomics.exchange(this.#words, this.#at, mark | line) & WAITERS) !== 0) this.participant.ringAll();
  }

  /**
   * Takes the lock if it is free, abandoned, or its owner is dead.
   *
   * @param announced - The caller is about to sleep: leaves WAITERS in the word when the answer is no.
   * @param ticket - Of a fair lock: the caller's place in line.
   * @throws {IpcError} ERR_IPC_CORRUPT when the lock was given up as unrecoverable.
   * Cost: one system call, which asks whether the owner lives.
   */
  attempt(announced: boolean, ticket: number = NO_TICKET): Taken {
    if (announced) this.#turns?.stand(ticket);
    for (;;) {
      const word = Atomics.load(this.#words, this.#at);
      const owner = word & IDENTITY;
      if (owner === UNRECOVERABLE) throw unrecoverableError();
      const isFree = owner === 0 || !this.participant.isAlive(owner);
      const blocker = isFree ? (this.#turns?.before(ticket) ?? 0) : owner;
      if (blocker !== 0) {
        const isMarked = !announced || (word & WAITERS) !== 0;
        // Who goes first may have been and gone before the mark, and the word be the same again: another look, unless it had an owner.
        if (isMarked || (this.#replace(word, word | WAITERS) && !isFree)) {
          this.#blocker = blocker;
          return undefined;
        }
      } else if (this.#replace(word, (owner === 0 ? word : (word & WAITERS) | ABANDONED) | this.#me)) {
        this.#turns?.served(ticket);
        this.#clearLine();
        return owner === 0 && word >= 0 ? 'taken' : 'abandoned';
      }
    }
  }

  /**
   * The identity in the word if it is of a living participant, else 0.
   *
   * @param announced - The caller will sleep until that changes: leaves WAITERS in the word.
   */
  livingOwner(announced: boolean): number {
    for (;;) {
      const word = Atomics.load(this.#words, this.#at);
      if (announced && (word & WAITERS) === 0 && !this.#replace(word, word | WAITERS)) continue;
      const owner = word & IDENTITY;
      return owner !== 0 && this.participant.isAlive(owner) ? owner : 0;
    }
  }

  /** Whether the lock looks free: for spinning. Cost: one atomic load. */
  get looksFree(): boolean {
    return (Atomics.load(this.#words, this.#at) & IDENTITY) === 0;
  }

  /** The identity in the word; 0 when the lock is free. */
  get owner(): number {
    return Atomics.load(this.#words, this.#at) & IDENTITY;
  }

  /**
   * Who held the lock, or goes first, when the last attempt failed: whom a sleeper has to watch, even if the lock is free by
   * now. The one who gave it back may die before it rings.
   */
  get blocker(): number {
    return this.#blocker;
  }

  get word(): number {
    return Atomics.load(this.#words, this.#at);
  }

  /** From here on `take` fails without touching the mapping. */
  detach(): void {
    this.#words = Int32Array.of(UNRECOVERABLE);
    this.#at = 0;
  }

  /** The owner of a fair lock in which nobody stands in line gives it back without a ring. */
  #clearLine(): void {
    const turns = this.#turns;
    if (turns === undefined || turns.hasOthers() || (this.word & WAITERS) === 0) return;
    Atomics.and(this.#words, this.#at, ~WAITERS);
    if (turns.hasOthers()) Atomics.or(this.#words, this.#at, WAITERS); // it had come before, and taken its mark for made
  }

  #replace(from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, this.#at, from, to) === from;
  }

  /** A dead owner that had this participant's slot: say so in the word, before generations can come round again. */
  #settle(): void {
    const word = Atomics.load(this.#words, this.#at);
    if ((word & 0xff) === (this.#me & 0xff)) this.#replace(word, (word & WAITERS) | ABANDONED);
  }
}
