import { futexWait } from '@ipc/native';
import { STATE_OWNER } from './lock-layout.ts';
import { OwnerWord } from './owner-word.ts';

/** Looks at a busy guard before asking whether its owner lives. */
const looks = 200;
/** Rounds of looks after which a caller that must not wait gives in. */
const impatientRounds = 5;
/** How long to sleep between the later rounds, at first and at most: its owner was preempted, perhaps by this very thread, or stopped. */
const [firstNapMs, longestNapMs] = [0.01, 1];

/**
 * The inner lock of a compound lock: held for some hundred nanoseconds, never while anything is awaited.
 *
 * Whoever changes the state does it between `enter` and `leave`, in steps of which each prefix is a valid state or can be
 * told from one (docs/wire-formats/lock.md), and rings those who sleep before it leaves: a process that dies in between
 * leaves either the old state, or the new one with everybody awake. A dead owner's guard is taken over.
 */
export class Guard extends OwnerWord {
  /** Enters unless another one stays inside for longer than it ever should: it was preempted or stopped there. */
  tryEnter(): boolean {
    return this.take() || this.#enterSlowly(impatientRounds);
  }

  /** Enters, sleeping for 0.01 to 1 ms at a time while the one inside is preempted or stopped. */
  enter(): void {
    if (!this.take()) this.#enterSlowly(Infinity);
  }

  leave(): void {
    this.give();
  }

  #enterSlowly(rounds: number): boolean {
    const { words, base } = this.participant;
    let napMs = firstNapMs;
    for (let round = 0; round < rounds; round++) {
      for (let look = 0; look < looks; look++) if (this.looksFree && this.take()) return true;
      if (this.attempt(false) !== undefined) return true;
      if (round < impatientRounds) continue;
      futexWait(words, base + STATE_OWNER, this.word, napMs);
      napMs = Math.min(longestNapMs, napMs * 2);
    }
    return false;
  }
}
