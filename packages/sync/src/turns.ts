import { LINE_WORDS, SLOT_LIFE, SLOT_MASK, SLOT_TICKET, STATE_TICKETS } from './lock-layout.ts';
import type { Participant } from './participant.ts';

/** Of a caller that does not wait: everybody who waits goes before it. */
export const NO_TICKET = 0;

/**
 * First come, first served: who waits for a fair lock has drawn a ticket, and stands in line by having its number in its
 * own slot (lock-layout.ts). Who may go next follows from the slots of the living and nothing else, so a party that dies in
 * line, or with its turn just come, is skipped.
 *
 * A slot shows the ticket of the caller that competes: the one that blocks the thread, else the first on the event loop. Whoever
 * shows a later one than before, or none, tells those behind. Tickets are compared by their difference, so they may wrap.
 */
export class Turns {
  readonly #participant: Participant;
  readonly #words: Int32Array;
  readonly #counter: number;
  readonly #mine: number;

  constructor(participant: Participant) {
    this.#participant = participant;
    this.#words = participant.words;
    this.#counter = participant.base + STATE_TICKETS;
    this.#mine = participant.slot + SLOT_TICKET;
  }

  draw(): number {
    for (;;) {
      const ticket = (Atomics.add(this.#words, this.#counter, 1) + 1) | 0;
      if (ticket !== NO_TICKET) return ticket;
    }
  }

  /** Shows `ticket` to the others. */
  stand(ticket: number): void {
    const before = Atomics.exchange(this.#words, this.#mine, ticket);
    if (before !== NO_TICKET && isEarlier(before, ticket)) this.#participant.ringAll();
  }

  /** The turn of `ticket` has come: the lock is held. */
  served(ticket: number): void {
    Atomics.compareExchange(this.#words, this.#mine, ticket, NO_TICKET);
  }

  /** Leaves the line, and tells those behind. */
  forgo(ticket: number): void {
    if (ticket === NO_TICKET) return;
    if (Atomics.compareExchange(this.#words, this.#mine, ticket, NO_TICKET) === ticket)
      this.#participant.ringAll();
  }

  /** The identity of a party, alive, that goes before `ticket`; 0 when there is none. The own one only before who has no ticket. Cost: one system call for each that might. */
  before(ticket: number): number {
    const { slotsStart, slotsEnd } = this.#participant;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) {
      const other = Atomics.load(this.#words, slot + SLOT_TICKET);
      if (other === NO_TICKET || (slot === this.#participant.slot && ticket !== NO_TICKET)) continue;
      if (ticket !== NO_TICKET && !isEarlier(other, ticket)) continue;
      const identity = Atomics.load(this.#words, slot + SLOT_LIFE);
      if ((identity & SLOT_MASK) === 0) continue;
      if (this.#participant.isAlive(identity)) return identity;
      this.#participant.buryTheDead();
    }
    return 0;
  }

  /** Whether another party stands in line, dead or alive. */
  hasOthers(): boolean {
    const { slotsStart, slotsEnd } = this.#participant;
    for (let slot = slotsStart; slot < slotsEnd; slot += LINE_WORDS) {
      if (slot === this.#participant.slot || Atomics.load(this.#words, slot + SLOT_TICKET) === NO_TICKET)
        continue;
      if ((Atomics.load(this.#words, slot + SLOT_LIFE) & SLOT_MASK) !== 0) return true;
    }
    return false;
  }
}

/** Half the numbers are ahead, half behind. */
function isEarlier(ticket: number, other: number): boolean {
  return ((ticket - other) | 0) < 0;
}
