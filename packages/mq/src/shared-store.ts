import { closedError, IpcError } from '@ipc/core';
import type { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { CellPool } from './cell-pool.ts';
import { behindRingList, leaseList, MessageLists, priorityList, type List } from './message-lists.ts';
import { MessageTable, type DeadLetter, type StoredMessage } from './message-table.ts';
import { nowMs } from './monotonic-clock.ts';
import type { QueueMessage } from './queue.ts';
import type { QueueTiming } from './queue-port.ts';
import {
  CELL_BYTES,
  CELLS,
  cellsFor,
  DEAD,
  DELAYED,
  EXPIRED,
  LEASED,
  MAX_ATTEMPTS,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGES,
  MESSAGE_WANTED,
  MESSAGES,
  MOVED_SLOT,
  MOVED_STATE,
  PARTICIPANTS,
  planQueue,
  REDELIVERED,
  RING_SLOTS,
  ROOM_WANTED,
  SUMMARY,
  WANTS_MESSAGE,
  WANTS_ROOM,
} from './shared-layout.ts';
import { BUSY, ELSEWHERE, FULL, SENT, SlotRing } from './slot-ring.ts';
import { TimerHeap } from './timer-heap.ts';
import { UndoLog } from './undo-log.ts';

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
  /** Those who have leases, or are just receiving: the death of one gives messages back. */
  readonly watched: readonly number[];
  /** Milliseconds until a message's time comes; Infinity when none has a time. */
  readonly dueMs: number;
}

/** What a store tells its port. */
export interface StoreEvents {
  /** On the event loop: one who sleeps should look again. */
  readonly look: () => void;
  /** Inside a call: this very handle has changed something to the advantage of its own callers, and nobody else rings for them. */
  readonly lookSoon: () => void;
}

/** How often a receiver asks at most whether those who have leases live: one that finds messages, and one that finds none. */
const [burialPauseMs, emptyPauseMs] = [10, 1];
/** When somebody is just taking a message out of a slot that is needed, or cells are. */
const soonMs = 1;

/**
 * A queue in shared memory, for one handle: the ring, the messages in cells, and the guard around them.
 *
 * Small messages of priority 0 without times go through the {@link SlotRing}, without the guard, as long as nothing comes before
 * them. Everything else is one stay inside, and either has happened or has not, whatever step its process dies at: see {@link UndoLog}.
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
  readonly #ring: SlotRing;
  readonly #table: MessageTable;
  readonly #participants: number;
  readonly #events: StoreEvents;
  readonly #ringForMessage = (): void => {
    if (Atomics.load(this.#words, MESSAGE_WANTED) !== 0) this.#wakeFromOutside(WANTS_MESSAGE);
  };
  /** What this handle's announcement says it wants. */
  #announced = 0;
  /** What there was no room for last: bytes, and whether its place is the ring. */
  #refusedBytes = 0;
  #refusedByRing = false;
  /** A message in the ring could not be leased for want of a cell. */
  #isStarved = false;
  #nextBurialMs = 0;
  #open = true;

  constructor(region: Region, events: StoreEvents) {
    const { words } = region;
    const geometry = {
      cellBytes: words[CELL_BYTES] ?? 0,
      cells: words[CELLS] ?? 0,
      participants: words[PARTICIPANTS] ?? 0,
      ringSlots: words[RING_SLOTS] ?? 0,
    };
    this.maxMessages = words[MAX_MESSAGES] ?? 0;
    this.maxMessageBytes = words[MAX_MESSAGE_BYTES] ?? 0;
    this.#participants = geometry.participants;
    const plan = planQueue(geometry);
    if (
      !(geometry.cellBytes >= 128 && geometry.cells >= 1 && geometry.participants >= 1) ||
      geometry.cellBytes % 64 !== 0 ||
      geometry.ringSlots < 0 ||
      (geometry.ringSlots & (geometry.ringSlots - 1)) !== 0 ||
      plan.bytes > region.bytes ||
      cellsFor(this.maxMessageBytes, geometry.cellBytes) > geometry.cells
    ) {
      throw new IpcError('ERR_IPC_CORRUPT', 'queue: its sizes contradict each other');
    }
    this.#events = events;
    this.#words = words;
    const { bytesView: bytes } = region;
    const { cellBytes, cells, ringSlots: slots } = geometry;
    this.#log = new UndoLog(words);
    this.#pool = new CellPool({ words, bytes, start: plan.cells, cellBytes, cells }, this.#log);
    this.#lists = new MessageLists(words, this.#pool, this.#log);
    this.#timers = new TimerHeap(words, plan.timers / 4, this.#pool, this.#log);
    this.#ring = new SlotRing({
      words,
      bytes,
      states: plan.states / 4,
      payloads: plan.payloads,
      slotBytes: cellBytes,
      slots,
      claims: plan.claims / 4,
    });
    this.#table = new MessageTable({
      words,
      log: this.#log,
      pool: this.#pool,
      lists: this.#lists,
      timers: this.#timers,
      maxMessageBytes: this.maxMessageBytes,
      maxAttempts: words[MAX_ATTEMPTS] ?? 0,
      ring: (wants) => {
        this.#wake(wants);
      },
      lastList: () => this.#lastList(),
    });
    this.#monitor = Monitor.in(region, plan.monitor, events.look, { participants: geometry.participants });
    this.#ring.join(this.#monitor.index);
    this.#enter();
    try {
      this.#inherit(this.#monitor.index); // of a dead one that had the same place
      this.#log.set(leaseList(this.#monitor.index) + 2, this.#monitor.identity);
      this.#log.commit();
    } finally {
      this.#leave();
    }
  }

  /** False when there is no room. */
  push(message: Uint8Array, priority: number, timing?: QueueTiming): boolean {
    const { length } = message;
    const isForRing = priority === 0 && timing === undefined && length <= this.#ring.maxMessageBytes;
    if (isForRing) {
      const outcome = this.#ring.push(message, this.#ringForMessage);
      if (outcome === SENT) return true;
      if (outcome === FULL || (outcome === BUSY && this.#ring.find(0) && !this.#freesBusySlot()))
        return this.#refuse(length, true);
    }
    if (!this.#hasRoom(length) && this.#isSettled()) return this.#refuse(length, false);
    this.#enter();
    try {
      if (!this.#hasRoom(length) && (this.#table.runTimers(nowMs()) === 0 || !this.#hasRoom(length)))
        return this.#refuse(length, false);
      if (priority === 0 && !this.#canAddLast()) return this.#refuse(length, true);
      this.#table.add(message, priority, timing);
      this.#log.commit();
      return true;
    } finally {
      this.#leave();
    }
  }

  /** Takes the first message out; undefined when none is ready. */
  pull(): QueueMessage | undefined {
    for (;;) {
      // In this order: what is in the ring now was sent when the lists were not looked at yet.
      const found = this.#ring.look();
      if (!this.#isRingNext()) break;
      if (found) {
        if (this.#ring.take()) return this.#receiveTaken(false);
      } else if (this.#lists.first(behindRingList) === 0) return undefined;
      else break;
    }
    this.#enter();
    try {
      const cell = this.#firstReady();
      if (cell !== 0) return this.#table.take(cell);
      while (this.#ring.find()) if (this.#ring.take()) return this.#receiveTaken(true);
      return undefined;
    } finally {
      this.#leave();
    }
  }

  /** Hides the first message for `leaseMs`, or until it is acknowledged or given back; undefined when none is ready. */
  lease(leaseMs: number): StoredMessage | undefined {
    if (!this.#ring.find() && this.#isRingNext() && this.#lists.first(behindRingList) === 0) return undefined;
    this.#enter();
    try {
      const cell = this.#firstReady();
      if (cell !== 0) return this.#table.lease(cell, this.#monitor.index, leaseMs);
      while (this.#ring.find()) {
        this.#isStarved = !this.#pool.hasRoom(this.#ring.maxMessageBytes);
        if (this.#isStarved) return undefined;
        if (this.#ring.take()) return this.#leaseTaken(leaseMs);
      }
      return undefined;
    } finally {
      this.#leave();
    }
  }

  /** Removes a leased message for good; false when the lease is over. */
  acknowledge(cell: number, serial: number): boolean {
    return this.#withLease(cell, serial, () => {
      this.#table.acknowledge(cell);
    });
  }

  /** Gives a leased message back, to be received again after `delayMs`; false when the lease is over. */
  giveBack(cell: number, serial: number, delayMs: number): boolean {
    return this.#withLease(cell, serial, () => {
      this.#table.endLease(cell, delayMs);
    });
  }

  /** Makes a lease end `leaseMs` from now; false when it is over. */
  extend(cell: number, serial: number, leaseMs: number): boolean {
    return this.#withLease(cell, serial, () => {
      this.#table.extend(cell, leaseMs);
    });
  }

  /** Takes the oldest dead letter out. */
  pullDead(): DeadLetter | undefined {
    this.#enter();
    try {
      return this.#table.takeDead();
    } finally {
      this.#leave();
    }
  }

  /** Makes dead letters messages again, the oldest first; returns how many. */
  revive(limit: number): number {
    let count = 0;
    this.#enter();
    try {
      while (count < limit && this.#table.revive()) count++;
      return count;
    } finally {
      this.#leave();
    }
  }

  /**
   * Announces that this participant will sleep, unless there is something to do already.
   *
   * @param wantsMessage - For any message. @param wantsRoom - For what was refused last.
   * @returns undefined when a push or pull may succeed now.
   */
  announce(wantsMessage: boolean, wantsRoom: boolean): Waiting | undefined {
    this.#enter();
    try {
      this.#runTimers();
      this.#buryTheDead();
      this.#announced = (wantsMessage ? WANTS_MESSAGE : 0) | (wantsRoom ? WANTS_ROOM : 0);
      // Announced first, looked for second: who sends or receives without the guard does it the other way round.
      if (wantsMessage) Atomics.store(this.#words, MESSAGE_WANTED, 1);
      if (wantsRoom) Atomics.store(this.#words, ROOM_WANTED, 1);
      const pauseMs = Math.min(
        wantsMessage ? this.#messagePauseMs() : Infinity,
        wantsRoom ? this.#roomPauseMs() : Infinity,
      );
      if (pauseMs === 0) {
        this.#announced = 0;
        return undefined;
      }
      this.#monitor.announce(this.#announced);
      return {
        watched: wantsMessage ? this.#holders() : [],
        dueMs: Math.min(pauseMs, Math.max(0, this.#timers.nextMs - nowMs())),
      };
    } finally {
      this.#leave();
    }
  }

  withdraw(): void {
    this.#announced = 0;
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
      if (this.#timers.length > 0) this.#table.runTimers(nowMs());
      const count = (at: number): number => (this.#words[at] ?? 0) >>> 0;
      return {
        messages: count(MESSAGES) - count(DEAD) + this.#ring.length,
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
      this.#inherit(this.#monitor.index);
    } finally {
      this.#leave();
      this.#open = false;
      this.#monitor.close();
    }
  }

  #refuse(bytes: number, byRing: boolean): false {
    this.#refusedBytes = bytes;
    this.#refusedByRing = byRing;
    return false;
  }

  /** Somebody is just taking a message out of the slot that comes next: unless it is dead, that is soon over. */
  #freesBusySlot(): boolean {
    const now = nowMs();
    if (now < this.#nextBurialMs) return false;
    this.#nextBurialMs = now + burialPauseMs;
    this.#enter();
    try {
      return this.#buryTheDead();
    } finally {
      this.#leave();
    }
  }

  #withLease(cell: number, serial: number, change: () => void): boolean {
    this.#enter();
    try {
      if (!this.#table.isLeased(cell, serial, this.#monitor.index)) return false;
      change();
      return true;
    } finally {
      this.#leave();
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

  /** Inside: wakes those who sleep and want one of these. To be called before the change. */
  #wake(wants: number): void {
    const words = this.#words;
    const forMessage = (wants & WANTS_MESSAGE) !== 0 && words[MESSAGE_WANTED] !== 0;
    const forRoom = (wants & WANTS_ROOM) !== 0 && words[ROOM_WANTED] !== 0;
    if (!forMessage && !forRoom) return;
    if ((this.#announced & wants) !== 0) this.#events.lookSoon();
    this.#monitor.ring(wants);
    if (forMessage) Atomics.store(words, MESSAGE_WANTED, 0);
    if (forRoom) Atomics.store(words, ROOM_WANTED, 0);
  }

  #wakeFromOutside(wants: number): void {
    this.#enter();
    try {
      this.#wake(wants);
    } finally {
      this.#leave();
    }
  }

  /** How long one who wants a message may sleep at most without being rung: 0 when it should not. */
  #messagePauseMs(): number {
    if (this.#table.firstReady !== 0) return 0;
    if (this.#ring.find(0)) return this.#isStarved ? soonMs : 0;
    return this.#lists.first(behindRingList) === 0 ? Infinity : 0;
  }

  /** The same of one who wants room for what was refused last. */
  #roomPauseMs(): number {
    const room = this.#refusedByRing ? this.#ring.room : ELSEWHERE;
    if (room === SENT || (room === ELSEWHERE && this.#hasRoom(this.#refusedBytes))) return 0;
    return room === BUSY ? soonMs : Infinity;
  }

  /** The message just taken from the ring, to be received. */
  #receiveTaken(inside: boolean): QueueMessage {
    const bytes = this.#ring.copy();
    this.#releaseTaken(inside);
    return { bytes, priority: 0 };
  }

  /** Inside: the message just taken from the ring, under a lease. */
  #leaseTaken(leaseMs: number): StoredMessage {
    const bytes = this.#ring.copy();
    this.#markMoved();
    const message = this.#table.addLeased(bytes, this.#monitor.index, leaseMs);
    this.#log.commit();
    this.#releaseTaken(true);
    return message;
  }

  #releaseTaken(inside: boolean): void {
    try {
      if (Atomics.load(this.#words, ROOM_WANTED) === 0) return;
      if (inside) this.#wake(WANTS_ROOM);
      else this.#wakeFromOutside(WANTS_ROOM);
    } finally {
      this.#ring.release();
    }
  }

  /** Part of the change that puts the message taken from the ring into a cell: whoever finds its slot not freed knows by this. */
  #markMoved(): void {
    this.#log.set(MOVED_SLOT, this.#ring.takenSlot);
    this.#log.set(MOVED_STATE, this.#ring.takenState);
  }

  /**
   * Whether nothing comes before what is in the ring, as seen from outside the guard: no other message is ready, nobody is inside, or died
   * there, and no time has come. Plain loads: the atomic one of the ring comes before, the compareExchange that takes behind.
   */
  #isRingNext(): boolean {
    return this.#words[SUMMARY] === 0 && this.#isSettled();
  }

  /**
   * Whether what was just seen from outside the guard holds. Who looks again and again in vain must not keep others out,
   * least of all when it is preempted there.
   */
  #isSettled(): boolean {
    if (!this.#open || this.#log.isDirty) return false;
    if (this.#timers.length === 0) return true;
    const now = nowMs();
    return now < this.#timers.nextMsSeen && (this.#words[LEASED] === 0 || now < this.#nextBurialMs);
  }

  #hasRoom(length: number): boolean {
    return (this.#words[MESSAGES] ?? 0) < this.maxMessages && this.#pool.hasRoom(length);
  }

  /** The cell of the first message, if it is in one, also after asking whether those who have leases live; else 0. */
  #firstReady(): number {
    this.#runTimers();
    const cell = this.#table.firstReady;
    if (cell !== 0 || this.#lists.first(behindRingList) === 0 || this.#ring.find()) return cell;
    this.#wake(WANTS_ROOM);
    this.#table.advanceBehindRing();
    this.#ring.open();
    return this.#table.firstReady;
  }

  #runTimers(): void {
    if (this.#timers.length === 0) return;
    const now = nowMs();
    this.#table.runTimers(now);
    if ((this.#words[LEASED] ?? 0) === 0) return;
    const isEmpty = this.#table.firstReady === 0;
    if (!isEmpty && now < this.#nextBurialMs) return;
    this.#nextBurialMs = now + (isEmpty ? emptyPauseMs : burialPauseMs);
    this.#buryTheDead();
  }

  /** Inside: makes sure that a message of priority 0 can be put behind all others; false while that cannot be said. */
  #canAddLast(): boolean {
    if (this.#lists.first(behindRingList) === 0 && !this.#ring.find(0)) {
      this.#ring.open();
      return true;
    }
    return this.#ring.close();
  }

  /** The list of the last message of priority 0. */
  #lastList(): List {
    return this.#canAddLast() && this.#ring.isClosed ? behindRingList : priorityList(0);
  }

  /** Frees what the dead have left; true if there were any. */
  #buryTheDead(): boolean {
    let found = false;
    for (let index = 0; index < this.#participants; index++) {
      if (index === this.#monitor.index || !this.#holdsSomething(index) || this.#isAlive(index)) continue;
      this.#inherit(index);
      found = true;
    }
    return found;
  }

  /** What a participant that is dead, or leaves, has under lease or was just taking from the ring can be received again. */
  #inherit(index: number): void {
    this.#table.endLeases(index);
    if (!this.#ring.inherit(index)) return;
    const isMoved =
      this.#words[MOVED_SLOT] === this.#ring.takenSlot && this.#words[MOVED_STATE] === this.#ring.takenState;
    if (!isMoved) {
      if (!this.#pool.hasRoom(this.#ring.maxMessageBytes)) return; // until there is
      const bytes = this.#ring.copy();
      this.#markMoved();
      this.#table.addFirst(bytes);
      this.#log.commit();
    }
    this.#wake(WANTS_ROOM);
    this.#ring.disinherit(index);
  }

  #holdsSomething(index: number): boolean {
    return this.#table.hasLeases(index) || this.#ring.isClaiming(index);
  }

  #isAlive(index: number): boolean {
    return this.#monitor.isAlive(this.#identityOf(index));
  }

  #identityOf(index: number): number {
    return this.#words[leaseList(index) + 2] ?? 0;
  }

  /** Others whose death would give messages, or room, back. */
  #holders(): number[] {
    const holders: number[] = [];
    for (let index = 0; index < this.#participants; index++)
      if (index !== this.#monitor.index && this.#holdsSomething(index)) holders.push(this.#identityOf(index));
    return holders;
  }
}
