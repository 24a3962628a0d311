import { closedError, IpcError } from '@ipc/core';
import type { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { CellPool } from './cell-pool.ts';
import { deadList, leaseList, MessageLists, priorityList } from './message-lists.ts';
import {
  CELL_ATTEMPTS,
  CELL_BYTES,
  CELL_EXPIRES,
  CELL_LEASE,
  CELL_LENGTH,
  CELL_PRIORITY,
  CELL_SERIAL,
  CELL_STATE,
  CELL_TIMER,
  CELLS,
  cellsFor,
  DEAD,
  DEAD_LETTER,
  DELAYED,
  DELAYED_UNTIL_DUE,
  EXPIRED,
  LEASED,
  LEASED_UNTIL_DUE,
  LOG_LENGTH,
  MAX_ATTEMPTS,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGES,
  MESSAGES,
  PARTICIPANTS,
  planQueue,
  PRIORITIES,
  READY,
  REDELIVERED,
  SERIAL,
  TIMERS,
  WANTS_MESSAGE,
  WANTS_ROOM,
} from './shared-layout.ts';
import { TimerHeap } from './timer-heap.ts';
import { UndoLog } from './undo-log.ts';

/** When a message may be received: milliseconds from now, 0 = no limit. */
export interface Timing {
  readonly delayMs: number;
  readonly ttlMs: number;
}

/** A message that was taken out, or leased: then `serial` is not 0. */
export interface StoredMessage {
  readonly bytes: Uint8Array;
  readonly priority: number;
  /** How many leases of it there have been, this one included. */
  readonly attempt: number;
  readonly cell: number;
  readonly serial: number;
}

/** What a queue holds, by state, and what it has lost and given again. */
export interface StoreCounts {
  readonly messages: number;
  readonly leased: number;
  readonly delayed: number;
  readonly deadLetters: number;
  readonly expired: number;
  readonly redelivered: number;
}

/** Who has to be watched, and until when, while there is nothing to do. */
export interface Waiting {
  /** Those who have leases: the death of one gives messages back. */
  readonly watched: readonly number[];
  /** Milliseconds until a message's time comes; Infinity when none has a time. */
  readonly dueMs: number;
}

/** How often a receiver asks at most whether those who have leases live: one that finds messages, and one that finds none. */
const [burialPauseMs, emptyPauseMs] = [10, 1];

/** Milliseconds of CLOCK_MONOTONIC, the same in all processes. */
const clockOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

function nowMs(): number {
  return clockOffsetMs + performance.now();
}

/**
 * What happens to the messages of a queue in shared memory. Every operation is one stay inside the guard, and either has
 * happened or has not, whatever step its process dies at: see {@link UndoLog}.
 */
export class SharedStore {
  readonly maxMessages: number;
  readonly maxMessageBytes: number;
  readonly #words: Int32Array;
  readonly #monitor: Monitor;
  readonly #log: UndoLog;
  readonly #pool: CellPool;
  readonly #lists: MessageLists;
  readonly #timers: TimerHeap;
  readonly #maxAttempts: number;
  readonly #participants: number;
  readonly #ownLeases: number;
  #nextBurialMs = 0;
  #open = true;

  /** @param look - Called on the event loop when one who sleeps should look again. */
  constructor(region: Region, look: () => void) {
    const { words } = region;
    const geometry = {
      cellBytes: words[CELL_BYTES] ?? 0,
      cells: words[CELLS] ?? 0,
      participants: words[PARTICIPANTS] ?? 0,
    };
    this.maxMessages = words[MAX_MESSAGES] ?? 0;
    this.maxMessageBytes = words[MAX_MESSAGE_BYTES] ?? 0;
    this.#maxAttempts = words[MAX_ATTEMPTS] ?? 0;
    this.#participants = geometry.participants;
    const plan = planQueue(geometry);
    if (
      !(geometry.cellBytes >= 128 && geometry.cells >= 1 && geometry.participants >= 1) ||
      geometry.cellBytes % 64 !== 0 ||
      plan.bytes > region.bytes ||
      cellsFor(this.maxMessageBytes, geometry.cellBytes) > geometry.cells
    ) {
      throw new IpcError('ERR_IPC_CORRUPT', 'queue: its sizes contradict each other');
    }
    this.#words = words;
    this.#log = new UndoLog(words);
    this.#pool = new CellPool({ words, bytes: region.bytesView, start: plan.cells, ...geometry }, this.#log);
    this.#lists = new MessageLists(words, this.#pool, this.#log);
    this.#timers = new TimerHeap(words, plan.timers / 4, this.#pool, this.#log);
    this.#monitor = Monitor.in(region, plan.monitor, look, { participants: geometry.participants });
    this.#ownLeases = leaseList(this.#monitor.index);
    this.#enter();
    try {
      this.#giveBackAll(this.#ownLeases); // of a dead one that had the same place
      this.#log.set(this.#ownLeases + 2, this.#monitor.identity);
      this.#log.commit();
    } finally {
      this.#leave();
    }
  }

  /** False when there is no room. */
  push(message: Uint8Array, priority: number, timing?: Timing): boolean {
    if (!this.#hasRoom(message.length) && this.#isSettled()) return false;
    this.#enter();
    try {
      if (!this.#hasRoom(message.length)) {
        if (this.#timers.length === 0 || this.#runTimers(nowMs()) === 0 || !this.#hasRoom(message.length))
          return false;
      }
      this.#monitor.ring(WANTS_MESSAGE);
      const words = this.#words;
      const cell = this.#pool.store(message);
      const at = this.#pool.word(cell);
      words[at + CELL_LENGTH] = message.length;
      words[at + CELL_PRIORITY] = priority;
      words[at + CELL_ATTEMPTS] = 0;
      words[at + CELL_TIMER] = 0;
      words[at + CELL_EXPIRES] = words[at + CELL_EXPIRES + 1] = 0;
      if (timing === undefined) {
        words[at + CELL_STATE] = READY;
        this.#lists.append(priorityList(priority), cell);
      } else this.#schedule(cell, timing);
      this.#log.add(MESSAGES, 1);
      this.#log.commit();
      return true;
    } finally {
      this.#leave();
    }
  }

  /** Takes the first message out, or leases it; undefined when none is ready. @param leaseMs - 0: takes it out. */
  pull(leaseMs: number): StoredMessage | undefined {
    if (this.#lists.highest < 0 && this.#isSettled()) return undefined;
    this.#enter();
    try {
      const cell = this.#firstReady();
      if (cell === 0) return undefined;
      const at = this.#pool.word(cell);
      const length = this.#lengthAt(at);
      const priority = this.#words[at + CELL_PRIORITY] ?? 0;
      const bytes = this.#pool.load(cell, length);
      if (leaseMs === 0) {
        this.#monitor.ring(WANTS_ROOM);
        this.#lists.remove(priorityList(priority), cell);
        this.#forget(cell, length);
        this.#log.commit();
        return { bytes, priority, attempt: (this.#words[at + CELL_ATTEMPTS] ?? 0) + 1, cell, serial: 0 };
      }
      const attempt = (this.#words[at + CELL_ATTEMPTS] ?? 0) + 1;
      const serial = ((this.#words[SERIAL] ?? 0) + 1) & 0x7fffffff || 1;
      this.#lists.remove(priorityList(priority), cell);
      this.#timers.remove(cell);
      this.#lists.append(this.#ownLeases, cell);
      this.#timers.add(cell, nowMs() + leaseMs);
      this.#log.set(at + CELL_STATE, LEASED_UNTIL_DUE);
      this.#log.set(at + CELL_ATTEMPTS, attempt);
      this.#log.set(at + CELL_LEASE, this.#monitor.index);
      this.#log.set(at + CELL_SERIAL, serial);
      this.#log.set(SERIAL, serial);
      this.#log.add(LEASED, 1);
      this.#log.commit();
      return { bytes, priority, attempt, cell, serial };
    } finally {
      this.#leave();
    }
  }

  /** Removes a leased message for good; false when the lease is over. */
  acknowledge(cell: number, serial: number): boolean {
    this.#enter();
    try {
      if (!this.#isLeased(cell, serial)) return false;
      this.#monitor.ring(WANTS_ROOM);
      this.#lists.remove(this.#ownLeases, cell);
      this.#log.add(LEASED, -1);
      this.#forget(cell, this.#lengthAt(this.#pool.word(cell)));
      this.#log.commit();
      return true;
    } finally {
      this.#leave();
    }
  }

  /** Gives a leased message back, to be received again after `delayMs`; false when the lease is over. */
  giveBack(cell: number, serial: number, delayMs: number): boolean {
    this.#enter();
    try {
      if (!this.#isLeased(cell, serial)) return false;
      this.#returnLease(this.#ownLeases, cell, delayMs);
      return true;
    } finally {
      this.#leave();
    }
  }

  /** Makes a lease end `leaseMs` from now; false when it is over. */
  extend(cell: number, serial: number, leaseMs: number): boolean {
    this.#enter();
    try {
      if (!this.#isLeased(cell, serial)) return false;
      this.#timers.remove(cell);
      this.#timers.add(cell, nowMs() + leaseMs);
      this.#log.commit();
      return true;
    } finally {
      this.#leave();
    }
  }

  /** Takes the oldest dead letter out. */
  pullDead(): StoredMessage | undefined {
    this.#enter();
    try {
      const cell = this.#lists.first(deadList);
      if (cell === 0) return undefined;
      const at = this.#pool.word(cell);
      const length = this.#lengthAt(at);
      const bytes = this.#pool.load(cell, length);
      const attempt = this.#words[at + CELL_ATTEMPTS] ?? 0;
      this.#monitor.ring(WANTS_ROOM);
      this.#lists.remove(deadList, cell);
      this.#log.add(DEAD, -1);
      this.#forget(cell, length);
      this.#log.commit();
      return { bytes, priority: this.#words[at + CELL_PRIORITY] ?? 0, attempt, cell, serial: 0 };
    } finally {
      this.#leave();
    }
  }

  /** Makes dead letters messages again, the oldest first; returns how many. */
  revive(limit: number): number {
    let count = 0;
    this.#enter();
    try {
      for (; count < limit; count++) {
        const cell = this.#lists.first(deadList);
        if (cell === 0) break;
        const at = this.#pool.word(cell);
        this.#monitor.ring(WANTS_MESSAGE);
        this.#lists.remove(deadList, cell);
        this.#log.add(DEAD, -1);
        this.#log.set(at + CELL_ATTEMPTS, 0);
        this.#makeReady(cell, false);
        this.#log.commit();
      }
      return count;
    } finally {
      this.#leave();
    }
  }

  /**
   * Announces that this participant will sleep, unless there is something to do already.
   *
   * @param wantsMessage - For any message. @param wantsRoomFor - For a message of that length; -1 for none.
   * @returns undefined when a push or pull may succeed now.
   */
  announce(wantsMessage: boolean, wantsRoomFor: number): Waiting | undefined {
    this.#enter();
    try {
      if (wantsMessage && this.#firstReady() !== 0) return undefined;
      if (wantsRoomFor >= 0) {
        this.#runTimers(nowMs());
        if (this.#hasRoom(wantsRoomFor)) return undefined;
      }
      this.#monitor.announce((wantsMessage ? WANTS_MESSAGE : 0) | (wantsRoomFor >= 0 ? WANTS_ROOM : 0));
      return {
        watched: wantsMessage ? this.#leaseHolders() : [],
        dueMs: Math.max(0, this.#timers.nextMs - nowMs()),
      };
    } finally {
      this.#leave();
    }
  }

  withdraw(): void {
    this.#monitor.withdraw();
  }

  /** After `announce`. */
  sleep({ watched }: Waiting): void {
    this.#monitor.sleep(watched);
  }

  /** After `announce`: BLOCKS until something may have changed, or for `timeoutMs` (-1: for ever). */
  block({ watched, dueMs }: Waiting, timeoutMs: number): void {
    this.#monitor.block(watched, Math.min(dueMs, timeoutMs < 0 ? 2 ** 31 : timeoutMs));
  }

  get counts(): StoreCounts {
    this.#enter();
    try {
      if (this.#timers.length > 0) this.#runTimers(nowMs());
      const count = (at: number): number => (this.#words[at] ?? 0) >>> 0;
      return {
        messages: count(MESSAGES) - count(DEAD),
        leased: count(LEASED),
        delayed: count(DELAYED),
        deadLetters: count(DEAD),
        expired: count(EXPIRED),
        redelivered: count(REDELIVERED),
      };
    } finally {
      this.#leave();
    }
  }

  /** Gives back what is leased here, and leaves. */
  close(): void {
    if (!this.#open) return;
    this.#enter();
    try {
      this.#giveBackAll(this.#ownLeases);
    } finally {
      this.#leave();
      this.#open = false;
      this.#monitor.close();
    }
  }

  #enter(): void {
    if (!this.#open) throw closedError('queue');
    this.#monitor.enter();
    if (this.#log.isDirty) this.#mend();
  }

  /** What an exception left half done is undone before others come in. */
  #leave(): void {
    try {
      if (this.#log.isDirty) this.#log.rollBack();
    } finally {
      this.#monitor.leave();
    }
  }

  #mend(): void {
    try {
      this.#log.rollBack();
    } catch (error) {
      this.#monitor.leave();
      throw error;
    }
  }

  /**
   * Whether what was just seen from outside the guard holds: nobody is inside, or died there, and no time has come. Who looks
   * again and again in vain must not keep others out, least of all when it is preempted there.
   */
  #isSettled(): boolean {
    if (!this.#open || Atomics.load(this.#words, LOG_LENGTH) !== 0) return false;
    if (Atomics.load(this.#words, TIMERS) === 0) return true;
    const now = nowMs();
    return (
      now < this.#timers.nextMsSeen && (Atomics.load(this.#words, LEASED) === 0 || now < this.#nextBurialMs)
    );
  }

  #hasRoom(length: number): boolean {
    return (this.#words[MESSAGES] ?? 0) < this.maxMessages && this.#pool.hasRoom(length);
  }

  /** The first cell that may be received now; 0 when there is none, also after asking whether those who have leases live. */
  #firstReady(): number {
    let { highest } = this.#lists;
    if (this.#timers.length > 0) {
      const now = nowMs();
      this.#runTimers(now);
      if ((this.#words[LEASED] ?? 0) > 0 && (this.#lists.highest < 0 || now >= this.#nextBurialMs)) {
        this.#nextBurialMs = now + (this.#lists.highest < 0 ? emptyPauseMs : burialPauseMs);
        this.#buryTheDead();
      }
      ({ highest } = this.#lists);
    }
    return highest < 0 ? 0 : this.#lists.first(priorityList(highest));
  }

  #lengthAt(at: number): number {
    const length = this.#words[at + CELL_LENGTH] ?? -1;
    if (length < 0 || length > this.maxMessageBytes)
      throw new IpcError('ERR_IPC_CORRUPT', `queue: a message of ${length} bytes`);
    return length;
  }

  #isLeased(cell: number, serial: number): boolean {
    const at = this.#pool.word(cell);
    return (
      this.#words[at + CELL_STATE] === LEASED_UNTIL_DUE &&
      this.#words[at + CELL_SERIAL] === serial &&
      this.#words[at + CELL_LEASE] === this.#monitor.index
    );
  }

  /** Frees a message that is in no list any more. */
  #forget(cell: number, length: number): void {
    this.#timers.remove(cell);
    this.#log.set(this.#pool.word(cell) + CELL_STATE, 0);
    this.#pool.free(cell, length);
    this.#log.add(MESSAGES, -1);
  }

  /** A new message with times. */
  #schedule(cell: number, { delayMs, ttlMs }: Timing): void {
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
    const list = priorityList(Math.min(this.#words[at + CELL_PRIORITY] ?? 0, PRIORITIES - 1));
    this.#log.set(at + CELL_STATE, READY);
    if (first) this.#lists.prepend(list, cell);
    else this.#lists.append(list, cell);
    const expiresMs = this.#timers.read(at + CELL_EXPIRES);
    if (expiresMs > 0) this.#timers.add(cell, expiresMs);
  }

  /** Carries out what is due, each step on its own; returns how many. */
  #runTimers(now: number): number {
    let count = 0;
    while (this.#timers.nextMs <= now) {
      const cell = this.#timers.first;
      const at = this.#pool.word(cell);
      switch (this.#words[at + CELL_STATE]) {
        case READY:
          this.#monitor.ring(WANTS_ROOM);
          this.#lists.remove(priorityList(this.#words[at + CELL_PRIORITY] ?? 0), cell);
          this.#log.add(EXPIRED, 1);
          this.#forget(cell, this.#lengthAt(at));
          break;
        case DELAYED_UNTIL_DUE:
          this.#monitor.ring(WANTS_MESSAGE);
          this.#timers.remove(cell);
          this.#log.add(DELAYED, -1);
          this.#makeReady(cell, false);
          break;
        case LEASED_UNTIL_DUE:
          this.#returnLease(leaseList(this.#words[at + CELL_LEASE] ?? 0), cell, 0);
          break;
        default:
          throw new IpcError('ERR_IPC_CORRUPT', 'queue: a timer of a message that has no time');
      }
      this.#log.commit();
      count++;
    }
    return count;
  }

  /** Ends a lease without success: the message is received again, or was tried too often. */
  #returnLease(list: number, cell: number, delayMs: number): void {
    const at = this.#pool.word(cell);
    this.#monitor.ring(WANTS_MESSAGE);
    this.#lists.remove(list, cell);
    this.#timers.remove(cell);
    this.#log.add(LEASED, -1);
    if (this.#maxAttempts > 0 && (this.#words[at + CELL_ATTEMPTS] ?? 0) >= this.#maxAttempts) {
      this.#log.set(at + CELL_STATE, DEAD_LETTER);
      this.#log.add(DEAD, 1);
      this.#lists.append(deadList, cell);
    } else {
      this.#log.add(REDELIVERED, 1);
      if (delayMs > 0) this.#delay(cell, nowMs() + delayMs);
      else this.#makeReady(cell, true);
    }
    this.#log.commit();
  }

  /** The last first, so that they come out again in their order. */
  #giveBackAll(list: number): void {
    for (let cell = this.#words[list + 1] ?? 0; cell !== 0; cell = this.#words[list + 1] ?? 0) {
      this.#returnLease(list, cell, 0);
    }
  }

  /** Gives back the leases of participants that are dead. */
  #buryTheDead(): void {
    for (let index = 0; index < this.#participants; index++) {
      const list = leaseList(index);
      if (list === this.#ownLeases || this.#lists.first(list) === 0) continue;
      if (!this.#monitor.isAlive(this.#words[list + 2] ?? 0)) this.#giveBackAll(list);
    }
  }

  #leaseHolders(): number[] {
    const holders: number[] = [];
    if ((this.#words[LEASED] ?? 0) === 0) return holders;
    for (let index = 0; index < this.#participants; index++) {
      const list = leaseList(index);
      if (list !== this.#ownLeases && this.#lists.first(list) !== 0) holders.push(this.#words[list + 2] ?? 0);
    }
    return holders;
  }
}
