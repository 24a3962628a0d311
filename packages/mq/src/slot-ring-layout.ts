/**
 * The ring of a queue in shared memory (docs/wire-formats/queue.md, "Ring"): slots of one size, as many as a power of two.
 *
 *            slot 0          slot 1                 slot 0        slot 1
 *           +-------+-------+-------+-------+-----+-------------+-------------+-----
 *           | state | length| state | length| ... | payload ... | payload ... | ...
 *           +-------+-------+-------+-------+-----+-------------+-------------+-----
 *
 * States lie together, so that eight messages cost one cache line of them to go from one processor to another.
 *
 *            31                                11 10    8 7               0
 *           +-----------------------------------+--------+-----------------+
 *   state   | lap                               | kind   | participant + 1 |
 *           +-----------------------------------+--------+-----------------+
 *
 * Positions count messages, modulo 2^32; position n lies in slot n mod slots, in lap n div slots (modulo 2^21). A slot says all by
 * itself what has become of its position, so who died, or was stopped, at any step hinders nobody:
 *
 *              send            write             receive           copy
 *   FREE ─────────────> WRITING ─────> PUBLISHED ────────> TAKING ─────> FREE of the next lap
 *    │  ^                  │                                                 ^
 *    v  │                  │ a receiver does not wait for it                 │
 *   CLOSED                 └────────────────────────────> SKIPPED ───────────┘
 *
 * - killed in WRITING or SKIPPED: was never sent; the slot is freed by whoever proves the death.
 * - killed in TAKING: nobody has seen the message; whoever proves the death puts it first into the list of priority 0.
 * - CLOSED: the next message is not to come here, because messages in the list behind the ring are older.
 *
 * Each participant names in its claim word the slot (from 1) that it is about to have in WRITING or TAKING; 0 is none.
 */
export const SLOT_STATE = 0;
export const SLOT_LENGTH = 1;
/** A state and a length. */
export const SLOT_WORDS = 2;

// Kinds.
export const FREE_SLOT = 0;
export const WRITING = 0x100;
export const PUBLISHED = 0x200;
export const TAKING = 0x300;
export const SKIPPED = 0x400;
export const CLOSED = 0x500;

export const KIND_MASK = 0x700;
export const LAP_SHIFT = 11;
export const TAKER_MASK = 0xff;
/** One cache line for each participant's claim word. */
export const CLAIM_WORDS = 16;
