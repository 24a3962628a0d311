/**
 * A queue in shared memory: region kind `queue`, version 1 (docs/wire-formats/queue.md).
 *
 *   word 0      +---------------------------------------------------------------+
 *               | cell bytes, cells, maxMessages, maxMessageBytes, attempts ... |   written once
 *       16      +---------------------------------------------------------------+
 *               | free, fresh, used, messages, timers, leased, delayed, dead    |   state
 *       32      +---------------------------------------------------------------+
 *               | log: length, - | (index, old value) x 255                     |   undo log
 *      544      +---------------------------------------------------------------+
 *               | summary | 32 words: which priorities have messages            |
 *      592      +---------------------------------------------------------------+
 *               | 1,024 x (head, tail): priorities; then dead letters           |   lists
 *     2656      +---------------------------------------------------------------+
 *               | 254 x (head, tail, owner): leases, by participant             |
 *     3424      +---------------------------------------------------------------+
 *               | monitor: guard and participants (lock.md)                     |
 *               +---------------------------------------------------------------+
 *               | timers: a binary heap of cells, by the time in their `due`    |   one word per cell
 *               +---------------------------------------------------------------+
 *               | cells ...                                                     |
 *               +---------------------------------------------------------------+
 *
 * Cells are numbered from 1; 0 is none. A message is a chain of cells. The first has 16 words of its own and then payload,
 * the others 2 words and then payload; word 0 is the next cell of the chain, or of the list of free cells.
 *
 *   first cell   | next | state | length | priority | before | behind | last | attempts |
 *                | lease | timer | due (float64)    | expires (float64) | serial | -    | payload ...
 *   other cells  | next | -     | payload ...
 *
 * All words are little-endian; times are milliseconds of CLOCK_MONOTONIC. Everything but the first line and the monitor changes inside
 * the guard only, and what others could see changes only after its old value is in the log. Whoever enters and finds the
 * log's length not 0 follows one that died inside, and puts the old values back, last one first.
 */
import { Monitor } from '@ipc/sync';

export const QUEUE_KIND = 'queue';
export const QUEUE_VERSION = 1;

// Written once.
export const CELL_BYTES = 0;
export const CELLS = 1;
export const MAX_MESSAGES = 2;
export const MAX_MESSAGE_BYTES = 3;
export const MAX_ATTEMPTS = 4;
export const PARTICIPANTS = 5;

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

export const LOG_LENGTH = 32;
export const LOG_ENTRIES = 34;
export const LOG_CAPACITY = 255;

export const PRIORITIES = 1024;
export const SUMMARY = 544;
export const LEVELS = 545;
export const LISTS = 592;
/** The list behind those of the priorities. */
export const DEAD_LIST = 1024;
export const LEASES = 2656;
const MAX_PARTICIPANTS = 254;
const MONITOR = 3424;

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

/** What participants want that sleep: bits of the monitor. */
export const WANTS_MESSAGE = 1;
export const WANTS_ROOM = 2;

export interface QueueGeometry {
  readonly cellBytes: number;
  readonly cells: number;
  readonly participants: number;
}

/** Where things begin, in bytes of the payload. */
export interface QueuePlan {
  readonly monitor: number;
  readonly timers: number;
  /** Of cell 1. */
  readonly cells: number;
  readonly bytes: number;
}

export function planQueue({ cellBytes, cells, participants }: QueueGeometry): QueuePlan {
  const monitor = MONITOR * 4;
  const timers = monitor + Monitor.bytes(Math.min(participants, MAX_PARTICIPANTS));
  const first = align(timers + cells * 4, 128);
  return { monitor, timers, cells: first, bytes: first + cells * cellBytes };
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
