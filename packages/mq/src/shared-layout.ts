/**
 * A queue in shared memory: region kind `queue`, version 4 (docs/wire-formats/queue.md).
 *
 *   word 0      +---------------------------------------------------------------+
 *               | cell bytes, cells, maxMessages, ..., ring slots, blocks, units|   written once
 *       16      +---------------------------------------------------------------+
 *               | free, fresh, messages, timers, leased, delayed, ..., who waits|   state
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
 *               | claims: who is about to have which slot and which blocks      |   slot-ring-layout.ts
 *               | leases in the ring                                            |
 *               +---------------------------------------------------------------+
 *               | blocks: states | links                                        |   block-pool.ts
 *               +---------------------------------------------------------------+
 *               | ring: states | payloads                                       |   slot-ring-layout.ts
 *               +---------------------------------------------------------------+
 *               | payloads of blocks ...                                        |
 *               +---------------------------------------------------------------+
 *               | cells ...                                                     |
 *               +---------------------------------------------------------------+
 *
 * Messages are received in this order: all lists of priorities, the highest first; then the ring; then the list behind the ring. So the
 * ring holds messages of priority 0 only, those that have no times; the list behind it the others of that priority, while the ring
 * has older ones.
 *
 * A message that is not longer than a cell lies in its slot or cell itself. A longer one lies in a chain of blocks, and its slot or cell says
 * which is the first; so its sender and its receiver copy it while nobody waits for them, and it goes from a slot into a cell as it is.
 *
 * Cells are numbered from 1; 0 is none. Word 0 is the next one in the list of free cells.
 *
 *   cell         | next | state | length | priority | before | behind | block | attempts |
 *                | lease | timer | due (float64)    | expires (float64) | serial | block's state | payload ...
 *
 * All words are little-endian; times are milliseconds of CLOCK_MONOTONIC. Everything but the first line, claims, leases, ring, blocks and monitor changes
 * inside the guard only, and what others could see changes only after its old value is in the log. Whoever enters and finds the
 * log's length not 0 follows one that died inside, and puts the old values back, last one first.
 */
import { Monitor } from '@ipc/sync';
import { CLAIM_WORDS, LEASES_WORDS, SLOT_WORDS } from './slot-ring-layout.ts';

export const QUEUE_KIND = 'queue';
export const QUEUE_VERSION = 5;

// Written once.
export const CELL_BYTES = 0;
export const CELLS = 1;
export const MAX_MESSAGES = 2;
export const MAX_MESSAGE_BYTES = 3;
export const MAX_ATTEMPTS = 4;
export const PARTICIPANTS = 5;
/** A power of two, or 0: no ring. */
export const RING_SLOTS = 6;
export const BLOCKS = 7;
/** The memory that was asked for, in units of cell bytes. */
export const UNITS = 8;

// State.
/** The first of the free cells; those that were never used are not among them. */
export const FREE = 16;
/** Cells from here on were never used. */
export const FRESH = 17;
/** Messages in cells, of every state. */
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

// A cell.
export const CELL_NEXT = 0;
export const CELL_STATE = 1;
export const CELL_LENGTH = 2;
export const CELL_PRIORITY = 3;
export const CELL_BEFORE = 4;
export const CELL_BEHIND = 5;
/** The first block of a message that is longer than a cell. */
export const CELL_BLOCK = 6;
export const CELL_ATTEMPTS = 7;
/** The place, in the table of participants, of the one that has it leased. */
export const CELL_LEASE = 8;
/** Place in the heap of timers, from 1; 0 when it has no timer. */
export const CELL_TIMER = 9;
export const CELL_DUE = 10;
export const CELL_EXPIRES = 12;
export const CELL_SERIAL = 14;
export const CELL_BLOCK_STATE = 15;
export const CELL_HEADER_BYTES = 64;

// States of a message.
export const READY = 1;
export const DELAYED_UNTIL_DUE = 2;
export const LEASED_UNTIL_DUE = 3;
export const DEAD_LETTER = 4;

/** Of a block: the next one, from 1, and its state. */
export const LINK_WORDS = 2;

/** Units from which on a part of the memory is a ring. */
const leastShared = 64;
/** A block has the size of so many cells. */
const cellsPerBlock = 8;

/** What participants want that sleep: bits of the monitor. */
export const WANTS_MESSAGE = 1;
export const WANTS_ROOM = 2;

export interface QueueGeometry {
  readonly cellBytes: number;
  readonly cells: number;
  readonly participants: number;
  readonly ringSlots: number;
  readonly blocks: number;
}

/** Where things begin, in bytes of the payload. */
export interface QueuePlan {
  readonly monitor: number;
  readonly timers: number;
  readonly claims: number;
  /** Leases in the ring. */
  readonly leases: number;
  readonly blockStates: number;
  readonly blockLinks: number;
  /** Of the ring's first slot: its state, its payload. */
  readonly states: number;
  readonly payloads: number;
  /** The payload of block 1. */
  readonly blocks: number;
  /** Cell 1. */
  readonly cells: number;
  readonly bytes: number;
}

export function planQueue({ cellBytes, cells, participants, ringSlots, blocks }: QueueGeometry): QueuePlan {
  const monitor = MONITOR * 4;
  const timers = monitor + Monitor.bytes(Math.min(participants, MAX_PARTICIPANTS));
  const claims = align(timers + cells * 4);
  const leases = align(claims + participants * CLAIM_WORDS * 4);
  const blockStates = align(leases + (ringSlots === 0 ? 0 : participants * LEASES_WORDS * 4));
  const blockLinks = align(blockStates + blocks * 4);
  const states = align(blockLinks + blocks * LINK_WORDS * 4);
  const payloads = align(states + ringSlots * SLOT_WORDS * 4);
  const blockPayloads = payloads + ringSlots * cellBytes;
  const first = blockPayloads + blocks * blockBytesOf(cellBytes);
  return {
    monitor,
    timers,
    claims,
    leases,
    blockStates,
    blockLinks,
    states,
    payloads,
    blocks: blockPayloads,
    cells: first,
    bytes: first + cells * cellStride(cellBytes),
  };
}

/** How much of the memory is what. */
export interface QueueShares {
  readonly ringSlots: number;
  readonly cells: number;
  readonly blocks: number;
}

/**
 * Shares memory between blocks, ring and cells: half is blocks, unless no message is longer than a cell; of the rest, half is a ring.
 * Without one, what so many cells do not need is blocks.
 *
 * @param mostCells - As many messages as there may be of all kinds; then there is no ring.
 */
export function shareMemory(
  bytes: number,
  cellBytes: number,
  hasLong: boolean,
  mostCells?: number,
): QueueShares {
  const blockBytes = blockBytesOf(cellBytes);
  const stride = cellStride(cellBytes);
  const half = hasLong ? Math.floor(bytes / 2 / blockBytes) : 0;
  const rest = bytes - half * blockBytes;
  if (mostCells !== undefined || rest < leastShared * cellBytes) {
    const cells = Math.min(mostCells ?? Infinity, Math.floor(rest / stride));
    return {
      ringSlots: 0,
      cells,
      blocks: hasLong ? Math.floor((bytes - cells * stride) / blockBytes) : 0,
    };
  }
  const ringSlots = 2 ** Math.floor(Math.log2(rest / 2 / cellBytes));
  return { ringSlots, cells: Math.floor((rest - ringSlots * cellBytes) / stride), blocks: half };
}

/** Bytes of a cell with its header. */
export function cellStride(cellBytes: number): number {
  return CELL_HEADER_BYTES + cellBytes;
}

export function blockBytesOf(cellBytes: number): number {
  return cellsPerBlock * cellBytes;
}

/** To a pair of cache lines, which processors fetch together. */
function align(bytes: number): number {
  return Math.ceil(bytes / 128) * 128;
}
