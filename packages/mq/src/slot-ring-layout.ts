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
 *              send            write              receive
 *   FREE ─────────────> WRITING ─────> PUBLISHED ─────────────────────> FREE of the next lap
 *    │  ^                  │               │ lease        acknowledge     ^  ^
 *    v  │                  │               └───────> LEASED ──────────────┘  │
 *   CLOSED                 │ a receiver              │ ended otherwise       │
 *                          │ does not wait           └───────> MOVING ───────┤
 *                          └───────> SKIPPED ────────────────────────────────┘
 *
 * A message that is not longer than a slot is copied before it is received: who dies or is stopped while it copies has not touched it. Of
 * a longer one the payload says where it is, in blocks; a receiver has it MOVING while it copies them, and its length is then:
 *
 * - the message's: it still is here.
 * - IN_CELL: it has its cell. The same change in the log says so.
 * - RECEIVED: only its blocks, which the payload names, are left to be freed.
 *
 * What a death leaves behind:
 *
 * - in WRITING or SKIPPED: a message that was never sent; who proves the death frees the slot, and the blocks.
 * - a message LEASED: whoever proves the death moves it into a cell, first in the list of priority 0.
 * - in MOVING: whoever proves the death does what is left to be done; a message that still is here goes into a cell, first in its list.
 * - CLOSED is nobody's: the next message is not to come here, because messages in the list behind the ring are older.
 *
 * A sender that comes to a LEASED, MOVING or SKIPPED slot of the lap before takes it along into its own lap, and goes on behind it: its
 * owner frees it in whatever lap it finds it.
 *
 * Each participant names in its claim the slot (from 1) that it is about to have in WRITING or MOVING, 0 is none, and how often the message
 * that it moves was leased; and the first blocks of two chains: one with a message that neither a slot nor a cell names yet, and
 * one that none names any more. It also says there that it has begun to receive, which is why who sleeps for room watches whether it lives:
 * it makes room first and rings behind that. Leases have entries of their own, of which only their participant changes any:
 *
 *           +-----------+-----------+-----------+-----------+
 *   claim   | slot      | attempts  | leases    | receives  |
 *           +-----------+-----------+-----------+-----------+
 *           | sent: block, its state| freed: block, state   |   16 words
 *           +-----------+-----------+-----------+-----------+
 *   lease   | slot      | position  | deadline (float64)    |   15 for each participant, and 4 words of padding
 *           +-----------+-----------+-----------+-----------+
 */
export const SLOT_STATE = 0;
export const SLOT_LENGTH = 1;
/** Of a message longer than a slot: words of its payload. */
export const SLOT_BLOCK = 0;
export const SLOT_BLOCK_STATE = 1;
/** Instead of the length of a message that is not here any more. */
export const IN_CELL = -1;
export const RECEIVED = -2;
/** A state and a length. */
export const SLOT_WORDS = 2;

// Kinds.
export const FREE_SLOT = 0;
export const WRITING = 0x100;
export const PUBLISHED = 0x200;
export const MOVING = 0x300;
export const SKIPPED = 0x400;
export const CLOSED = 0x500;
export const LEASED_SLOT = 0x600;

export const KIND_MASK = 0x700;
export const LAP_SHIFT = 11;
export const OWNER_MASK = 0xff;

/** One cache line for each participant's claim. */
export const CLAIM_WORDS = 16;
export const CLAIM_SLOT = 0;
export const CLAIM_ATTEMPTS = 1;
export const CLAIM_LEASES = 2;
export const CLAIM_RECEIVES = 3;
export const CLAIM_SENT = 4;
export const CLAIM_FREED = 6;

/** Leases in the ring that a participant has at most; more go through the guard. */
export const LEASE_ENTRIES = 15;
export const ENTRY_WORDS = 4;
export const ENTRY_SLOT = 0;
export const ENTRY_POSITION = 1;
export const ENTRY_DEADLINE = 2;
/** Of all entries of a participant. */
export const LEASES_WORDS = 64;
