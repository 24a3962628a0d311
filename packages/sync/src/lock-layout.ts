/**
 * A lock in shared memory: a control line, a state line, and a table of participants (docs/wire-formats/lock.md).
 *
 * Everything is an aligned 32-bit little-endian word; a line is 16 words, 64 bytes, so that the words that
 * change with every acquisition share their cache line with nothing else. `base` is the index of the first word.
 *
 *   word   0        1        2             3        4           5        6          7..15
 *        +--------+--------+-------------+--------+-----------+--------+----------+----------+
 *   base | magic  | kind   | participants| flags  | high water| 0      | limit    | reserved |   control: written once, but 4 and 5
 *        +--------+--------+-------------+--------+-----------+--------+----------+----------+
 *   +16  | owner word | sleepers | state words of the kind ...                 | tickets |   state
 *        +-----------------+-----------------------------------------------------------------+
 *   +32  | slot 0: life, pid, thread, bell (2), waiting, wants, ticket, held, since, started, label |   participants
 *   +48  | slot 1 ...                                                                        |
 *        +-----------------------------------------------------------------------------------+
 *
 * A participant is one opened object in one thread. It owns a slot for as long as it holds the exclusive lock of
 * the open file description on the slot's first byte in the file: the kernel lets go of it when the process dies or the
 * thread ends, so that lock is the proof of life, and no clock and no process id is.
 */

/** "IPCL", little-endian. Stored last: an area without it is not yet initialised. */
export const MAGIC = 0x4c435049;
export const LAYOUT_VERSION = 1;

export const LINE_WORDS = 16;

// The control line, from `base`.
export const CONTROL_MAGIC = 0;
/** Layout version << 16 | kind. */
export const CONTROL_KIND = 1;
export const CONTROL_PARTICIPANTS = 2;
export const CONTROL_FLAGS = 3;
/** Slots from here on have never been used: no scan goes further. */
export const CONTROL_HIGH_WATER = 4;
/** Permits of a semaphore, parties of a barrier, count of a latch. */
export const CONTROL_LIMIT = 6;

// The state line, from `base`.
export const STATE_OWNER = 16;
/** Compound locks: not 0 when somebody may be asleep. */
export const STATE_SLEEPERS = 17;
/** The words of the kind. */
export const STATE = 18;
/** Fair locks: how many tickets were drawn. */
export const STATE_TICKETS = 31;

// A slot, from its first word.
export const SLOTS = 32;
/** The identity of the participant; with a zero low byte when the slot is free. */
export const SLOT_LIFE = 0;
export const SLOT_PID = 1;
export const SLOT_THREAD = 2;
/** The id of the bell of the participant's thread: two words. */
export const SLOT_BELL = 3;
/** 0 = awake; else the number of this announcement, negative if it blocks its thread, which a ringer replaces by 0 once it has rung. */
export const SLOT_WAITING = 5;
/** In an announcement. */
export const BLOCKS = -0x80000000;
/** What it waits for: see each kind. */
export const SLOT_WANTS = 6;
/** Of a lease: to hear who leads, and not to lead. */
export const WANTS_TO_WATCH = 1;
/** Fair locks: its place in line, 0 when it is not in it. */
export const SLOT_TICKET = 7;
/** What it holds: permits, reader entries, parties. */
export const SLOT_HELD = 8;
/** A mutex that is traced: since when it is held, CLOCK_MONOTONIC in milliseconds; 0 when it is not. */
export const SLOT_SINCE = 9;
/** When the process started: clock ticks since boot, /proc/PID/stat field 22. */
export const SLOT_STARTED = 10;
/** Label: up to 20 bytes of UTF-8, zero-padded. */
export const SLOT_LABEL = 11;
export const LABEL_BYTES = 20;

/** Semaphore: the permits of a dead holder stay taken. */
export const FLAG_STAY = 2;
/** Event: lets one through, and is reset by it. */
export const FLAG_AUTO_RESET = 4;
/** First come, first served. */
export const FLAG_FAIR = 8;

export const DEFAULT_PARTICIPANTS = 128;
/** The identity has 8 bits for the slot; 0 means nobody, 255 is reserved. */
export const MAX_PARTICIPANTS = 254;

/** Which primitive an area holds. */
export const kinds = {
  mutex: 1,
  semaphore: 2,
  rwlock: 3,
  condition: 4,
  event: 5,
  barrier: 6,
  latch: 7,
  once: 8,
  lease: 9,
  monitor: 10,
} as const;
export type LockKind = keyof typeof kinds;

/** Bytes of an area with room for so many participants. */
export function areaBytes(participants: number): number {
  return (SLOTS + participants * LINE_WORDS) * 4;
}

/*
 * The owner word:
 *
 *    31        30       29                 8 7          0
 *   +---------+--------+--------------------+------------+
 *   |abandoned| waiters|     generation     | slot + 1   |
 *   +---------+--------+--------------------+------------+
 *
 * The low 30 bits are the owner's identity, equal to its slot's life word; a low byte of zero means free. A word that
 * names an identity whose slot has moved on, or whose proof of life is gone, names the dead.
 */
export const WAITERS = 0x40000000;
export const ABANDONED = -0x80000000;
export const IDENTITY = 0x3fffffff;
export const SLOT_MASK = 0xff;
export const GENERATION_SHIFT = 8;
export const GENERATION_MASK = 0x3fffff;
/** An owner no participant can be: the lock was given up as unrecoverable. */
export const UNRECOVERABLE = 0xff;
