/**
 * Numbered slots that many processes write, as the payload of a region of kind "broadcast" or "mpmc".
 *
 *    0 +--------------------------------------------+
 *      | tail, u32: number of the next message      |  the writers'
 *  128 +--------------------------------------------+
 *      | head, u32: number of the next to be taken  |  a queue's readers'
 *  256 +--------------------------------------------+
 *      | sleeping readers, u32 | joined, u32        |
 *  384 +--------------------------------------------+
 *      | sleeping writers, u32 | left over, u32     |
 *  512 +--------------------------------------------+
 *      | slots | max bytes | mode | participants    |  u32 each; these never change
 *  640 +--------------------------------------------+
 *      | participants: 128 bytes each               |  participants-layout.ts
 *      +--------------------------------------------+
 *      | slots: a power of two of them              |
 *      +--------------------------------------------+
 *
 *   slot, a multiple of 64 bytes:  | state, u32 | length, u32 | payload, up to max bytes |
 *
 *   state:  31            10 9    8 7            0
 *          | lap           | phase | participant  |
 *
 * Message number s (modulo 2^32) is in slot `s & (slots - 1)` in lap `s / slots` (modulo 2^22). A slot goes
 *
 *   (lap - 1, DONE) -> (lap, CLAIMED by w) -> (lap, FULL by w) -> [(lap, TAKEN by r) ->] (lap, DONE) -> (lap + 1, CLAIMED ...
 *
 * by compareExchange where more than one may try. A broadcast is not taken from: there a full slot is claimed over, and
 * DONE is what a dead writer left. All slots start as done in lap -1.
 *
 * Tail and head only follow: who finds that slot `tail` has been claimed moves tail on, whoever claimed it. So a process
 * that dies between the two holds nobody up, and every claim names its owner from its first moment on. Of a dead owner
 * (proved by the kernel, participants-layout.ts), CLAIMED becomes DONE: that message was never sent. TAKEN becomes FULL
 * again and is counted in "left over": its reader died before it had the message; the next reader looks for it. "sleeping": sleepers.ts.
 *
 * Source: Vyukov's bounded MPMC queue (a sequence in every slot), with the owner in the same word. Normative:
 * docs/wire-formats/broadcast.md.
 */
export const TAIL = 0;
export const HEAD = 32;
export const SLEEPING_READERS = 64;
export const JOINED = 65;
export const SLEEPING_WRITERS = 96;
export const LEFT_OVER = 97;
export const SLOTS = 128;
export const MAX_BYTES = 129;
export const MODE = 130;
export const PARTICIPANTS = 131;
export const PARTICIPANTS_AT = 160;

export const SLOT_HEADER_BYTES = 8;

export const DONE = 0;
export const CLAIMED = 1;
export const FULL = 2;
export const TAKEN = 3;

export const PHASE_SHIFT = 8;
export const PHASE_MASK = 3;
export const OWNER_MASK = 0xff;
export const LAP_SHIFT = 10;
/** Laps are compared by their signed difference in these bits. */
export const LAP_BITS = 22;
