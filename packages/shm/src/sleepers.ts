/**
 * Who may sleep on a structure of several, as one word for each role: `announcements << 1 | 1` while somebody may.
 *
 * Who announces adds 2 and then sets bit 0. Who has rung all clears bit 0, unless the word has changed since before that
 * one looked. A mere flag would not do: it could have been cleared by one and set by another meanwhile.
 */
import type { Participant } from './participant.ts';
import { ANNOUNCEMENT, NEED, WRITER } from './participants-layout.ts';

/**
 * Says that somebody may sleep, behind the announcement. The count comes first: taking the bit back must fail for whoever
 * looked at the announcements before this one, also when the bit has come and gone meanwhile.
 */
export function raiseHint(words: Int32Array, hint: number): void {
  Atomics.add(words, hint, 2);
  Atomics.or(words, hint, 1);
}

/** Wakes the sleepers of one role, if there may be any. Cost: an atomic load, if not. */
export function wakeAll(words: Int32Array, hint: number, role: number, participant: Participant): void {
  const sleeping = Atomics.load(words, hint);
  if ((sleeping & 1) === 0) return;
  participant.others(role, (line) => {
    participant.ringLine(line);
  });
  Atomics.compareExchange(words, hint, sleeping, sleeping & ~1);
}

/** Wakes those writers whose need, a position that readers must have reached, lies in (from, to]. */
export function wakeWriters(
  words: Int32Array,
  hint: number,
  from: number,
  to: number,
  participant: Participant,
): void {
  const sleeping = Atomics.load(words, hint);
  if ((sleeping & 1) === 0) return;
  let left = 0;
  participant.others(WRITER, (line) => {
    if (Atomics.load(words, line + ANNOUNCEMENT) === 0) return;
    const needed = Atomics.load(words, line + NEED);
    if (((needed - from) | 0) > 0 && ((to - needed) | 0) >= 0) participant.ringLine(line);
    else left++;
  });
  if (left === 0) Atomics.compareExchange(words, hint, sleeping, sleeping & ~1);
}
