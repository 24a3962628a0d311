import { SLOT_HELD, SLOT_WANTS } from './lock-layout.ts';
import type { Participant } from './participant.ts';

/**
 * What the own slot of a participant in a readers-writer lock says. Only that object writes it, inside the guard, whose end publishes it.
 *
 * A class of its own because every acquisition uses its accessors: V8 calls into its runtime for one whose name is private.
 */
export class RwSlot {
  readonly #words: Int32Array;
  readonly #heldAt: number;
  readonly #wantsAt: number;

  constructor({ words, slot }: Participant) {
    this.#words = words;
    this.#heldAt = slot + SLOT_HELD;
    this.#wantsAt = slot + SLOT_WANTS;
  }

  /** Times it reads, or WRITING. */
  get held(): number {
    return this.#words[this.#heldAt] ?? 0;
  }

  set held(value: number) {
    this.#words[this.#heldAt] = value;
  }

  /** Whether it waits to write. */
  get wants(): number {
    return this.#words[this.#wantsAt] ?? 0;
  }

  set wants(value: number) {
    this.#words[this.#wantsAt] = value;
  }
}
