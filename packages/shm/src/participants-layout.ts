/**
 * The table of those who share a structure: one line of 128 bytes each.
 *
 *    0 +----------------+----------------+----------------+----------------+
 *      | life           | pid            | announcement   | role           |   u32 each
 *   16 +----------------+----------------+----------------+----------------+
 *      | bell id, two words              | position       | need           |   the structure's own
 *   32 +---------------------------------+----------------+----------------+
 *      | unused                                                            |
 *  128 +-------------------------------------------------------------------+
 *
 * life is `generation << 8 | number`, where number is the line's place in the table, counted from 1, and 0 once the
 * participant has left. Who has a line holds the exclusive lock (OFD, F_OFD_SETLK) on the first byte of it in the region's
 * file, by a descriptor of its own: the kernel drops it with the process, and with nothing else. So a line whose life has a
 * number and whose byte can be locked belongs to somebody dead. Only who holds that lock writes life, pid, role and bell.
 *
 * What a death leaves: before the lock, nothing; after it, a line as it was. Whoever next needs to know takes the lock,
 * repairs what the structure says that participant may have left half done, removes its bell, and clears the number last:
 * one who dies while doing so leaves the same line to the next.
 *
 * announcement is not 0 while the participant sleeps or is about to; who changes something rings its bell (a FIFO,
 * bell.ts) and only then takes the announcement back: a ringer that dies in between has rung.
 */
export const LIFE = 0;
export const PID = 1;
export const ANNOUNCEMENT = 2;
export const ROLE = 3;
export const BELL = 4;
export const POSITION = 6;
export const NEED = 7;

export const LINE_WORDS = 32;
export const LINE_BYTES: number = LINE_WORDS * 4;

export const NUMBER_MASK = 0xff;
export const GENERATION_SHIFT = 8;
export const GENERATION_MASK = 0x7fffff;

/** Participants are numbered in 8 bits, and 0 is nobody. */
const MAX_PARTICIPANTS = 255;

/** There is no sharing with fewer than two. */
export function isParticipantCount(count: number): boolean {
  return Number.isInteger(count) && count >= 2 && count <= MAX_PARTICIPANTS;
}

export const WRITER = 1;
export const READER = 2;
