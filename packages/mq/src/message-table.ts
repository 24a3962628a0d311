import { IpcError } from '@ipc/core';
import type { BlockChain } from './block-pool.ts';
import type { CellPool } from './cell-pool.ts';
import { MessageContents, type MessageContentsParts } from './message-contents.ts';
import {
  behindRingList,
  deadList,
  leaseList,
  priorityList,
  type List,
  type MessageLists,
} from './message-lists.ts';
import { nowMs } from './monotonic-clock.ts';
import type { QueueMessage } from './queue.ts';
import type { QueueTiming } from './queue-port.ts';
import {
  CELL_ATTEMPTS,
  CELL_EXPIRES,
  CELL_LEASE,
  CELL_PRIORITY,
  CELL_SERIAL,
  CELL_STATE,
  DEAD,
  DEAD_LETTER,
  DELAYED,
  DELAYED_UNTIL_DUE,
  EXPIRED,
  LEASED,
  LEASED_UNTIL_DUE,
  MESSAGES,
  PRIORITIES,
  READY,
  REDELIVERED,
  SERIAL,
  WANTS_MESSAGE,
  WANTS_ROOM,
} from './shared-layout.ts';
import type { TimerHeap } from './timer-heap.ts';
import type { UndoLog } from './undo-log.ts';

/** A message that stays in its cell. */
export interface StoredMessage extends QueueMessage {
  /** How many leases of it there have been, this one included. */
  readonly attempt: number;
  readonly cell: number;
  readonly serial: number;
}

/** A message that was tried too often. */
export interface DeadLetter extends QueueMessage {
  readonly attempts: number;
}

/** What a {@link MessageTable} works with. */
export interface MessageTableParts extends MessageContentsParts {
  readonly lists: MessageLists;
  readonly timers: TimerHeap;
  readonly maxAttempts: number;
  /** Called before a change to the advantage of those who sleep and want one of these. */
  readonly ring: (wants: number) => void;
  /** The list where a message of priority 0 is last. Called before it is put there. */
  readonly lastList: () => List;
}

/**
 * The messages in cells, and what becomes of them: ready, delayed, under lease, dead letters, gone.
 *
 * Everything happens inside the guard, and every method is one change that either has happened or has not: it ends with the log's
 * commit, but for those that say that their caller commits.
 */
export class MessageTable {
  readonly #parts: MessageTableParts;
  readonly #words: Int32Array;
  readonly #log: UndoLog;
  readonly #pool: CellPool;
  readonly #contents: MessageContents;
  readonly #lists: MessageLists;
  readonly #timers: TimerHeap;

  constructor(parts: MessageTableParts) {
    this.#parts = parts;
    this.#words = parts.words;
    this.#log = parts.log;
    this.#pool = parts.pool;
    this.#contents = new MessageContents(parts);
    this.#lists = parts.lists;
    this.#timers = parts.timers;
  }

  /** Whether there is a cell for another message. */
  get hasCell(): boolean {
    return (this.#words[MESSAGES] ?? 0) < this.#pool.cells;
  }

  /** Stores a message that can be received; there is a cell for it. The caller commits. */
  add(message: Uint8Array | BlockChain, priority: number, timing: QueueTiming | undefined): void {
    this.#parts.ring(WANTS_MESSAGE);
    const cell = this.#contents.store(message, priority);
    if (timing === undefined) {
      this.#words[this.#pool.word(cell) + CELL_STATE] = READY;
      this.#lists.append(this.#lastListOf(priority), cell);
    } else this.#schedule(cell, timing);
  }

  /** Stores a message of priority 0 that was received so often without success. The caller commits. */
  addReturned(message: Uint8Array | BlockChain, attempts: number, delayMs: number): void {
    this.#parts.ring(WANTS_MESSAGE);
    const cell = this.#contents.store(message, 0);
    this.#words[this.#pool.word(cell) + CELL_ATTEMPTS] = attempts;
    if (attempts === 0) this.#makeReady(cell, true);
    else this.#giveAgain(cell, delayMs);
  }

  /** Stores a message under a lease right away. The caller commits. */
  addLeased(
    message: Uint8Array | BlockChain,
    bytes: Uint8Array,
    participant: number,
    leaseMs: number,
  ): StoredMessage {
    const cell = this.#contents.store(message, 0);
    return this.#lease(cell, participant, leaseMs, bytes, 0);
  }

  /** The first message of the highest priority; 0 when none is ready. */
  get firstReady(): number {
    const { highest } = this.#lists;
    return highest < 0 ? 0 : this.#lists.first(priorityList(highest));
  }

  /** Makes the messages behind the ring, which is empty, ready; false when there are none. */
  advanceBehindRing(): boolean {
    if (this.#lists.first(behindRingList) === 0) return false;
    this.#lists.move(behindRingList, priorityList(0));
    this.#log.commit();
    return true;
  }

  /** Takes a ready message out, for good; what lies in blocks is copied by `finish`, which has to be called behind it. */
  take(cell: number): QueueMessage {
    const priority = this.#words[this.#pool.word(cell) + CELL_PRIORITY] ?? 0;
    const bytes = this.#contents.readCell(cell);
    this.#parts.ring(WANTS_ROOM);
    this.#lists.remove(priorityList(priority), cell);
    this.#forget(cell);
    this.#log.commit();
    return { bytes, priority };
  }

  /** Outside the guard: copies a message that was taken out of its blocks, if it has any, and gives them back. Returns whether it had. */
  finish({ bytes }: QueueMessage): boolean {
    return this.#contents.loadFreed(bytes);
  }

  /** Hides a ready message until its lease is over. */
  lease(cell: number, participant: number, leaseMs: number): StoredMessage {
    const at = this.#pool.word(cell);
    const priority = this.#words[at + CELL_PRIORITY] ?? 0;
    const bytes = this.#contents.read(cell);
    this.#lists.remove(priorityList(priority), cell);
    this.#timers.remove(cell);
    const leased = this.#lease(cell, participant, leaseMs, bytes, priority);
    this.#log.commit();
    return leased;
  }

  isLeased(cell: number, serial: number, participant: number): boolean {
    const at = this.#pool.word(cell);
    return (
      this.#words[at + CELL_STATE] === LEASED_UNTIL_DUE &&
      this.#words[at + CELL_SERIAL] === serial &&
      this.#words[at + CELL_LEASE] === participant
    );
  }

  /** Removes a message under lease for good. */
  acknowledge(cell: number): void {
    const at = this.#pool.word(cell);
    this.#parts.ring(WANTS_ROOM);
    this.#lists.remove(leaseList(this.#words[at + CELL_LEASE] ?? 0), cell);
    this.#log.add(LEASED, -1);
    this.#forget(cell);
    this.#commitAndFree();
  }

  extend(cell: number, leaseMs: number): void {
    this.#timers.remove(cell);
    this.#timers.add(cell, nowMs() + leaseMs);
    this.#log.commit();
  }

  /** Ends a lease without success: the message is received again, or was tried too often. */
  endLease(cell: number, delayMs: number): void {
    const at = this.#pool.word(cell);
    this.#parts.ring(WANTS_MESSAGE);
    this.#lists.remove(leaseList(this.#words[at + CELL_LEASE] ?? 0), cell);
    this.#timers.remove(cell);
    this.#log.add(LEASED, -1);
    this.#giveAgain(cell, delayMs);
    this.#log.commit();
  }

  /** A message that is in no list and has no timer, and was leased in vain: it is received again, or was tried too often. */
  #giveAgain(cell: number, delayMs: number): void {
    const at = this.#pool.word(cell);
    const { maxAttempts } = this.#parts;
    if (maxAttempts > 0 && (this.#words[at + CELL_ATTEMPTS] ?? 0) >= maxAttempts) {
      this.#log.set(at + CELL_STATE, DEAD_LETTER);
      this.#log.add(DEAD, 1);
      this.#lists.append(deadList, cell);
    } else {
      this.#log.add(REDELIVERED, 1);
      if (delayMs > 0) this.#delay(cell, nowMs() + delayMs);
      else this.#makeReady(cell, true);
    }
  }

  /** Ends all leases of a participant, the last one first, so that the messages come out again in their order. */
  endLeases(participant: number): void {
    const list = leaseList(participant);
    for (let cell = this.#lists.last(list); cell !== 0; cell = this.#lists.last(list)) this.endLease(cell, 0);
  }

  hasLeases(participant: number): boolean {
    return this.#lists.first(leaseList(participant)) !== 0;
  }

  /** Takes the oldest dead letter out. */
  takeDead(): DeadLetter | undefined {
    const cell = this.#lists.first(deadList);
    if (cell === 0) return undefined;
    const at = this.#pool.word(cell);
    const bytes = this.#contents.read(cell);
    const [priority = 0, attempts = 0] = [this.#words[at + CELL_PRIORITY], this.#words[at + CELL_ATTEMPTS]];
    this.#parts.ring(WANTS_ROOM);
    this.#lists.remove(deadList, cell);
    this.#log.add(DEAD, -1);
    this.#forget(cell);
    this.#commitAndFree();
    return { bytes, priority, attempts };
  }

  /** Makes the oldest dead letter a message again, as if never tried; false when there is none. */
  revive(): boolean {
    const cell = this.#lists.first(deadList);
    if (cell === 0) return false;
    this.#parts.ring(WANTS_MESSAGE);
    this.#lists.remove(deadList, cell);
    this.#log.add(DEAD, -1);
    this.#log.set(this.#pool.word(cell) + CELL_ATTEMPTS, 0);
    this.#makeReady(cell, false);
    this.#log.commit();
    return true;
  }

  /** Carries out what is due, each step on its own; returns how many. */
  runTimers(now: number): number {
    let count = 0;
    for (; this.#timers.nextMs <= now; count++) {
      const cell = this.#timers.first;
      const at = this.#pool.word(cell);
      switch (this.#words[at + CELL_STATE]) {
        case READY:
          this.#expire(cell, at);
          break;
        case DELAYED_UNTIL_DUE:
          this.#parts.ring(WANTS_MESSAGE);
          this.#timers.remove(cell);
          this.#log.add(DELAYED, -1);
          this.#makeReady(cell, false);
          this.#log.commit();
          break;
        case LEASED_UNTIL_DUE:
          this.endLease(cell, 0);
          break;
        default:
          throw new IpcError('ERR_IPC_CORRUPT', 'queue: a timer of a message that has no time');
      }
    }
    return count;
  }

  #expire(cell: number, at: number): void {
    this.#parts.ring(WANTS_ROOM);
    const priority = this.#words[at + CELL_PRIORITY] ?? 0;
    const isAtEndBehindRing =
      priority === 0 &&
      (this.#lists.first(behindRingList) === cell || this.#lists.last(behindRingList) === cell);
    this.#lists.remove(isAtEndBehindRing ? behindRingList : priorityList(priority), cell);
    this.#log.add(EXPIRED, 1);
    this.#forget(cell);
    this.#commitAndFree();
  }

  /** Puts a message, which is in no list and has no timer, under lease. */
  #lease(
    cell: number,
    participant: number,
    leaseMs: number,
    bytes: Uint8Array,
    priority: number,
  ): StoredMessage {
    const at = this.#pool.word(cell);
    const attempt = (this.#words[at + CELL_ATTEMPTS] ?? 0) + 1;
    const serial = ((this.#words[SERIAL] ?? 0) + 1) & 0x7fffffff || 1;
    this.#lists.append(leaseList(participant), cell);
    this.#timers.add(cell, nowMs() + leaseMs);
    this.#log.set(at + CELL_STATE, LEASED_UNTIL_DUE);
    this.#log.set(at + CELL_ATTEMPTS, attempt);
    this.#log.set(at + CELL_LEASE, participant);
    this.#log.set(at + CELL_SERIAL, serial);
    this.#log.set(SERIAL, serial);
    this.#log.add(LEASED, 1);
    return { bytes, priority, attempt, cell, serial };
  }

  /** A new message with times. */
  #schedule(cell: number, { delayMs, ttlMs }: QueueTiming): void {
    const at = this.#pool.word(cell);
    const now = nowMs();
    if (ttlMs > 0) this.#timers.write(at + CELL_EXPIRES, now + ttlMs);
    if (delayMs > 0) this.#delay(cell, now + delayMs);
    else this.#makeReady(cell, false);
  }

  #delay(cell: number, dueMs: number): void {
    this.#log.set(this.#pool.word(cell) + CELL_STATE, DELAYED_UNTIL_DUE);
    this.#log.add(DELAYED, 1);
    this.#timers.add(cell, dueMs);
  }

  /** Puts a message, which is in no list and has no timer, where it can be received. */
  #makeReady(cell: number, first: boolean): void {
    const at = this.#pool.word(cell);
    const priority = Math.min(this.#words[at + CELL_PRIORITY] ?? 0, PRIORITIES - 1);
    this.#log.set(at + CELL_STATE, READY);
    if (first) this.#lists.prepend(priorityList(priority), cell);
    else this.#lists.append(this.#lastListOf(priority), cell);
    const expiresMs = this.#timers.read(at + CELL_EXPIRES);
    if (expiresMs > 0) this.#timers.add(cell, expiresMs);
  }

  /** Frees a message that is in no list any more, but for its blocks. */
  #forget(cell: number): void {
    this.#timers.remove(cell);
    this.#log.set(this.#pool.word(cell) + CELL_STATE, 0);
    this.#contents.free(cell);
  }

  #commitAndFree(): void {
    this.#log.commit();
    this.#contents.releaseFreed();
  }

  #lastListOf(priority: number): List {
    return priority === 0 ? this.#parts.lastList() : priorityList(priority);
  }
}
