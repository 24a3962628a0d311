/**
 * A queue in shared memory: region kind `queue`, version 3 (docs/wire-formats/queue.md).
 *
 *   word 0      +---------------------------------------------------------------+
 *               | cell bytes, cells, maxMessages, ..., participants, ring slots |   written once
 *       16      +---------------------------------------------------------------+
 *               | free, fresh, used, messages, timers, leased, ..., who waits   |   state
 *       32      +---------------------------------------------------------------+
 *               | log: length, - | (index, old value) x 255                     |   undo log
 *      544      +---------------------------------------------------------------+
 *               | summary | 32 words: which priorities have messages            |
 *      592      +---------------------------------------------------------------+
 *               | 1,024 x (head, tail): priorities; dead letters; behind ring   |   lists
 *     2656      +---------------------------------------------------------------+
 *               | 254 x (head, tail, owner): leases, by participant             |
 *     3424      +---------------------------------------------------------------+
 *               | ring: tail | ring: head                                       |   hints, 128 bytes each
 *     3488      +---------------------------------------------------------------+
 *               | monitor: guard and participants (lock.md)                     |
 *               +---------------------------------------------------------------+
 *               | timers: a binary heap of cells, by the time in their `due`    |   one word per cell
 *               +---------------------------------------------------------------+
 *               | ring: claims | leases | states | payloads                     |   slot-ring-layout.ts
 *               +---------------------------------------------------------------+
 *               | cells ...                                                     |
 *               +---------------------------------------------------------------+
 *
 * Messages are received in this order: all lists of priorities, the highest first; then the ring; then the list behind the ring. So the
 * ring holds messages of priority 0 only, those that are small and have no times; the list behind it the others of that
 * priority, while the ring has older ones.
 *
 * Cells are numbered from 1; 0 is none. A message is a chain of cells. The first has 16 words of its own and then payload,
 * the others 2 words and then payload; word 0 is the next cell of the chain, or of the list of free cells.
 *
 *   first cell   | next | state | length | priority | before | behind | last | attempts |
 *                | lease | timer | due (float64)    | expires (float64) | serial | -    | payload ...
 *   other cells  | next | -     | payload ...
 *
 * All words are little-endian; times are milliseconds of CLOCK_MONOTONIC. Everything but the first line, the ring and the monitor changes
 * inside the guard only, and what others could see changes only after its old value is in the log. Whoever enters and finds the
 * log's length not 0 follows one that died inside, and puts the old values back, last one first.
 */
import { Monitor } from '@ipc/sync';
import { CLAIM_WORDS, LEASES_WORDS, SLOT_WORDS } from './slot-ring-layout.ts';

export const QUEUE_KIND = 'queue';
export const QUEUE_VERSION = 3;

// Written once.
export const CELL_BYTES = 0;
export const CELLS = 1;
export const MAX_MESSAGES = 2;
export const MAX_MESSAGE_BYTES = 3;
export const MAX_ATTEMPTS = 4;
export const PARTICIPANTS = 5;
/** A power of two, or 0: no ring. */
export const RING_SLOTS = 6;

// State.
/** The first of the free cells; those that were never used are not among them. */
export const FREE = 16;
/** Cells from here on were never used. */
export const FRESH = 17;
export const USED_CELLS = 18;
/** Messages of every state. */
export const MESSAGES = 19;
/** Length of the heap. */
export const TIMERS = 20;
export const LEASED = 21;
export const DELAYED = 22;
export const DEAD = 23;
/** Counted for ever, modulo 2^32. */
export const EXPIRED = 24;
export const REDELIVERED = 25;
/** The serial of the lease given last. */
export const SERIAL = 26;
/** Not 0 when somebody who wants a message, or room, may be asleep: set and reset inside, looked at from everywhere. */
export const MESSAGE_WANTED = 27;
export const ROOM_WANTED = 28;
/** The slot (from 1) whose message has its cell already, though it still is MOVING; 0 = none. */
export const MOVED_SLOT = 29;
/** Not 0 once anybody has leased a message in the ring. */
export const RING_LEASES = 30;

export const LOG_LENGTH = 32;
export const LOG_ENTRIES = 34;
export const LOG_CAPACITY = 255;

export const PRIORITIES = 1024;
export const SUMMARY = 544;
export const LEVELS = 545;
export const LISTS = 592;
/** The list behind those of the priorities. */
export const DEAD_LIST = 1024;
export const BEHIND_RING_LIST = 1025;
export const LEASES = 2656;
const MAX_PARTICIPANTS = 254;
export const RING_TAIL = 3424;
export const RING_HEAD = 3456;
const MONITOR = 3488;

// A first cell.
export const CELL_NEXT = 0;
export const CELL_STATE = 1;
export const CELL_LENGTH = 2;
export const CELL_PRIORITY = 3;
export const CELL_BEFORE = 4;
export const CELL_BEHIND = 5;
export const CELL_LAST = 6;
export const CELL_ATTEMPTS = 7;
/** The place, in the table of participants, of the one that has it leased. */
export const CELL_LEASE = 8;
/** Place in the heap of timers, from 1; 0 when it has no timer. */
export const CELL_TIMER = 9;
export const CELL_DUE = 10;
export const CELL_EXPIRES = 12;
export const CELL_SERIAL = 14;
export const FIRST_HEADER_BYTES = 64;
export const OTHER_HEADER_BYTES = 8;

// States of a message.
export const READY = 1;
export const DELAYED_UNTIL_DUE = 2;
export const LEASED_UNTIL_DUE = 3;
export const DEAD_LETTER = 4;

/** Cells from which on a part of the memory is a ring. */
const leastShared = 64;

/** What participants want that sleep: bits of the monitor. */
export const WANTS_MESSAGE = 1;
export const WANTS_ROOM = 2;

export interface QueueGeometry {
  readonly cellBytes: number;
  readonly cells: number;
  readonly participants: number;
  readonly ringSlots: number;
}

/** Where things begin, in bytes of the payload. */
export interface QueuePlan {
  readonly monitor: number;
  readonly timers: number;
  /** Claims of the ring, and its entries of leases. */
  readonly claims: number;
  readonly leases: number;
  /** Of the ring's first slot: its state, its payload. */
  readonly states: number;
  readonly payloads: number;
  /** Of cell 1. */
  readonly cells: number;
  readonly bytes: number;
}

export function planQueue({ cellBytes, cells, participants, ringSlots }: QueueGeometry): QueuePlan {
  const monitor = MONITOR * 4;
  const timers = monitor + Monitor.bytes(Math.min(participants, MAX_PARTICIPANTS));
  const claims = align(timers + cells * 4, 128);
  const leases = claims + (ringSlots === 0 ? 0 : align(participants * CLAIM_WORDS * 4, 128));
  const states = leases + (ringSlots === 0 ? 0 : participants * LEASES_WORDS * 4);
  const payloads = align(states + ringSlots * SLOT_WORDS * 4, 128);
  const first = payloads + ringSlots * cellBytes;
  return {
    monitor,
    timers,
    claims,
    leases,
    states,
    payloads,
    cells: first,
    bytes: first + cells * cellBytes,
  };
}

/** Shares memory for so many cells between ring and cells: half each, or no ring where there is little. */
export function shareCells(units: number): { readonly ringSlots: number; readonly cells: number } {
  const ringSlots = units < leastShared ? 0 : 2 ** Math.floor(Math.log2(units / 2));
  return { ringSlots, cells: units - ringSlots };
}

/** Cells that a message takes. */
export function cellsFor(length: number, cellBytes: number): number {
  const first = cellBytes - FIRST_HEADER_BYTES;
  return length <= first ? 1 : 1 + Math.ceil((length - first) / (cellBytes - OTHER_HEADER_BYTES));
}

/** Bytes of the longest message that so many cells hold. */
export function bytesIn(cells: number, cellBytes: number): number {
  return cellBytes - FIRST_HEADER_BYTES + (cells - 1) * (cellBytes - OTHER_HEADER_BYTES);
}

function align(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}
