import { closedError } from '@ipc/core';
import type { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { CellLease, RingLease } from './leased-message.ts';
import { LeaseHolders } from './lease-holders.ts';
import { behindRingList, priorityList, type List, type MessageLists } from './message-lists.ts';
import { MessageTable, type DeadLetter } from './message-table.ts';
import { nowMs } from './monotonic-clock.ts';
import type { LeasedMessage, QueueMessage } from './queue.ts';
import type { QueueTiming } from './queue-port.ts';
import type { BlockChain, BlockPool } from './block-pool.ts';
import { RingLeases, type HeldSlot, type RingLeaseId } from './ring-leases.ts';
import {
  DEAD,
  DELAYED,
  EXPIRED,
  LEASED,
  MESSAGE_WANTED,
  MESSAGES,
  REDELIVERED,
  RING_LEASES,
  ROOM_WANTED,
  SUMMARY,
  WANTS_MESSAGE,
  WANTS_ROOM,
} from './shared-layout.ts';
import { CLAIM_FREED, CLAIM_SENT } from './slot-ring-layout.ts';
import { SharedParts } from './shared-parts.ts';
import { SlotMover } from './slot-mover.ts';
import { ELSEWHERE, FULL, SENT, SlotRing } from './slot-ring.ts';
import type { TimerHeap } from './timer-heap.ts';
import type { UndoLog } from './undo-log.ts';

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
/** When a message in the ring waits for cells. */
const soonMs = 1;
/** Who frees a slot rings behind that, so who dies in between may leave one asleep beside room: until then. */
const roomRecheckMs = 1000;

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
  readonly #cellBytes: number;
  readonly #blocks: BlockPool;
  readonly #lists: MessageLists;
  readonly #timers: TimerHeap;
  readonly #ring: SlotRing;
  readonly #leases: RingLeases;
  readonly #mover: SlotMover;
  readonly #table: MessageTable;
  readonly #holders: LeaseHolders;
  /** Index of the two words that name the blocks of a message that is being sent. */
  readonly #sent: number;
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
    const parts = new SharedParts(region);
    this.#words = words;
    this.#events = events;
    this.maxMessages = parts.maxMessages;
    this.maxMessageBytes = parts.maxMessageBytes;
    const { log, pool, blocks, lists, timers, slots } = parts;
    this.#log = log;
    this.#cellBytes = parts.cellBytes;
    this.#blocks = blocks;
    this.#lists = lists;
    this.#timers = timers;
    const wake = (wants: number): void => {
      this.#wake(wants);
    };
    const { maxMessageBytes, maxAttempts } = parts;
    this.#monitor = Monitor.in(region, parts.monitor, events.look, { participants: parts.participants });
    const participant = this.#monitor.index;
    this.#sent = slots.claimAt(participant) + CLAIM_SENT;
    this.#table = new MessageTable({
      words,
      log,
      pool,
      blocks,
      freed: slots.claimAt(participant) + CLAIM_FREED,
      lists,
      timers,
      maxMessageBytes,
      maxAttempts,
      ring: wake,
      lastList: () => this.#lastList(),
    });
    this.#ring = new SlotRing(slots, blocks, participant);
    this.#leases = new RingLeases(slots, this.#ring, parts.leases, participant);
    this.#mover = new SlotMover({
      words,
      log,
      table: this.#table,
      memory: slots,
      ring: this.#ring,
      participant,
      wake,
    });
    this.#holders = new LeaseHolders({
      words,
      participants: parts.participants,
      monitor: this.#monitor,
      table: this.#table,
      slots,
      blocks,
      ring: this.#ring,
      leases: this.#leases,
      mover: this.#mover,
    });
    this.#enter();
    try {
      this.#holders.join((word, value) => {
        log.set(word, value);
      });
      log.commit();
    } finally {
      this.#leave();
    }
  }

  /** False when there is no room. */
  push(message: Uint8Array, priority: number, timing?: QueueTiming): boolean {
    const { length } = message;
    if (length <= this.#cellBytes) return this.#push(message, 0, priority, timing);
    // A long one is in blocks before anybody could wait for it.
    if (!this.#hasPlace(priority, timing) || !this.#storeLong(message))
      return this.#refuse(length, priority === 0 && timing === undefined);
    try {
      return this.#push(message, this.#sent, priority, timing);
    } finally {
      if (this.#words[this.#sent] !== 0) this.#blocks.release(this.#sent);
    }
  }

  /** @param name - Index of the two words that name the blocks of a long one; 0: it is not. */
  #push(message: Uint8Array, name: number, priority: number, timing: QueueTiming | undefined): boolean {
    const { length } = message;
    if (priority === 0 && timing === undefined) {
      const outcome = this.#ring.push(message, name, this.#ringForMessage);
      if (outcome === SENT) return true;
      if (outcome === FULL) return this.#refuse(length, true);
    }
    if (!this.#hasCell() && this.#isSettled()) return this.#refuse(length, false);
    this.#enter();
    try {
      if (!this.#hasCell() && (this.#table.runTimers(nowMs()) === 0 || !this.#hasCell()))
        return this.#refuse(length, false);
      if (priority === 0 && !this.#canAddLast()) return this.#refuse(length, true);
      this.#table.add(name === 0 ? message : this.#chainSent(length), priority, timing);
      if (name !== 0) this.#log.set(name, 0);
      this.#log.commit();
      return true;
    } finally {
      this.#leave();
    }
  }

  #storeLong(message: Uint8Array): boolean {
    const store = (): boolean => this.#blocks.store(message, this.#monitor.index, this.#sent);
    return store() || (!this.#isSettled() && this.#hasExpired() && store());
  }

  /** Carries out what is due; whether anything was. */
  #hasExpired(): boolean {
    this.#enter();
    try {
      return this.#table.runTimers(nowMs()) > 0;
    } finally {
      this.#leave();
    }
  }

  /** Whether there seems to be a slot or a cell: it is not worth copying a message for nothing. */
  #hasPlace(priority: number, timing: QueueTiming | undefined): boolean {
    const room = priority === 0 && timing === undefined ? this.#ring.room : ELSEWHERE;
    return room === SENT || (room === ELSEWHERE && (this.#hasCell() || !this.#isSettled()));
  }

  #chainSent(length: number): BlockChain {
    return { length, block: this.#words[this.#sent] ?? 0, state: this.#words[this.#sent + 1] ?? 0 };
  }

  /** Takes the first message out; undefined when none is ready. */
  pull(): QueueMessage | undefined {
    for (;;) {
      // In this order: what is in the ring now was sent when the lists were not looked at yet.
      const found = this.#ring.look();
      if (!this.#isRingNext()) break;
      if (found) {
        const bytes = this.#ring.take();
        if (bytes === undefined) continue;
        this.#slotIsFree();
        return { bytes, priority: 0 };
      }
      if (this.#lists.first(behindRingList) === 0) return undefined;
      break;
    }
    const message = this.#pullInside();
    if (message !== undefined && this.#table.finish(message)) this.#slotIsFree();
    return message;
  }

  #pullInside(): QueueMessage | undefined {
    this.#enter();
    try {
      const cell = this.#firstReady();
      if (cell !== 0) return this.#table.take(cell);
      while (this.#ring.find()) {
        this.#wake(WANTS_ROOM);
        const bytes = this.#ring.take();
        if (bytes !== undefined) return { bytes, priority: 0 };
      }
      return undefined;
    } finally {
      this.#leave();
    }
  }

  /** Hides the first message for `leaseMs`, or until it is acknowledged or given back; undefined when none is ready. */
  lease(leaseMs: number): LeasedMessage | undefined {
    for (;;) {
      const found = this.#ring.look();
      const now = nowMs();
      if (!this.#isRingNext(now)) break;
      if (found && this.#leases.hasRoom) {
        const leased = this.#leaseInRing(now + leaseMs);
        if (leased === undefined) continue;
        return leased;
      }
      if (!found && this.#lists.first(behindRingList) === 0) return undefined;
      break;
    }
    this.#enter();
    try {
      const cell = this.#firstReady();
      if (cell !== 0) return new CellLease(this, this.#table.lease(cell, this.#monitor.index, leaseMs));
      while (this.#ring.find()) {
        const hasRoom = this.#leases.hasRoom;
        this.#isStarved = !hasRoom && !this.#mover.hasRoom;
        if (this.#isStarved) return undefined;
        const leased = hasRoom ? this.#leaseInRing(nowMs() + leaseMs) : this.#leaseInCell(leaseMs);
        if (leased !== undefined) return leased;
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

  /** The same three of a message in the ring. */
  acknowledgeInRing(id: RingLeaseId): boolean {
    if (!this.#open) throw closedError('queue');
    if (!this.#leases.acknowledge(id)) return false;
    this.#slotIsFree();
    return true;
  }

  giveBackFromRing(id: RingLeaseId, delayMs: number): boolean {
    return this.#withRingLease(id, (held) => {
      if (this.#mover.hasRoom) {
        if (this.#mover.endLease(held, delayMs)) this.#leases.forget(id);
      } else this.#leases.extend(id, nowMs() + delayMs); // until there is
    });
  }

  extendInRing(id: RingLeaseId, leaseMs: number): boolean {
    return this.#withRingLease(id, () => {
      this.#leases.extend(id, nowMs() + leaseMs);
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
      this.#holders.buryTheDead();
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
        watched: wantsMessage ? this.#holders.identities : [],
        dueMs: Math.min(
          pauseMs,
          Math.max(0, Math.min(this.#timers.nextMs, this.#holders.nextDueInRingMs) - nowMs()),
        ),
      };
    } finally {
      this.#leave();
    }
  }

  /** Whether looking for room again may be worth it: for who does so again and again. */
  get isRoomy(): boolean {
    if (this.#refusedBytes > this.#cellBytes && !this.#blocks.isRoomy) return false;
    return !this.#refusedByRing || this.#ring.isRoomy;
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
      this.#holders.endDueInRing(nowMs());
      const count = (at: number): number => (this.#words[at] ?? 0) >>> 0;
      const inRing = this.#holders.countInRing();
      return {
        messages: count(MESSAGES) - count(DEAD) + inRing.messages,
        leased: count(LEASED) + inRing.leased,
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
      this.#holders.inherit(this.#monitor.index);
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

  /** What the ring's `look` or `find` has found, under lease where it is; undefined when somebody else was faster. */
  #leaseInRing(deadlineMs: number): LeasedMessage | undefined {
    const leased = this.#leases.lease(deadlineMs);
    return leased && new RingLease(this, leased.bytes, leased.id);
  }

  /** Inside: the same, moved into a cell. */
  #leaseInCell(leaseMs: number): LeasedMessage | undefined {
    const leased = this.#mover.lease(leaseMs);
    return leased && new CellLease(this, leased);
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

  #withRingLease(id: RingLeaseId, change: (held: HeldSlot) => void): boolean {
    this.#enter();
    try {
      const held = this.#leases.held(id);
      if (held === undefined) return false;
      change(held);
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

  /** Outside: a slot of the ring has become free. Who waits for room has said so before it looked at the slot. */
  #slotIsFree(): void {
    if (Atomics.load(this.#words, ROOM_WANTED) !== 0) this.#wakeFromOutside(WANTS_ROOM);
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
    if ((room === SENT || (room === ELSEWHERE && this.#hasCell())) && this.#hasBlocks(this.#refusedBytes))
      return 0;
    return room === FULL ? roomRecheckMs : Infinity;
  }

  /**
   * Whether nothing comes before what is in the ring, as seen from outside the guard: no other message is ready, nobody is inside, or died
   * there, and no time has come. Plain loads: the atomic one of the ring comes before, the compareExchange that takes behind.
   */
  #isRingNext(now?: number): boolean {
    return this.#words[SUMMARY] === 0 && this.#isSettled(now);
  }

  /**
   * Whether what was just seen from outside the guard holds. Who looks again and again in vain must not keep others out,
   * least of all when it is preempted there.
   */
  #isSettled(now?: number): boolean {
    if (!this.#open || this.#log.isDirty) return false;
    const hasTimers = this.#timers.length > 0;
    if (!hasTimers && this.#words[RING_LEASES] === 0) return true;
    const seen = now ?? nowMs();
    return (!hasTimers || seen < this.#timers.nextMsSeen) && (!this.#hasLeases || seen < this.#nextBurialMs);
  }

  /** Whether anybody may have a lease, as seen from outside, too. */
  get #hasLeases(): boolean {
    return this.#words[LEASED] !== 0 || this.#words[RING_LEASES] !== 0;
  }

  #hasCell(): boolean {
    return (this.#words[MESSAGES] ?? 0) < this.maxMessages && this.#table.hasCell;
  }

  /** Whether there are blocks for a message, where it needs any. */
  #hasBlocks(length: number): boolean {
    return length <= this.#cellBytes || this.#blocks.hasRoom(length);
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
    const hasTimers = this.#timers.length > 0;
    if (!hasTimers && !this.#hasLeases) return;
    const now = nowMs();
    if (hasTimers) this.#table.runTimers(now);
    if (!this.#hasLeases) return;
    const isEmpty = this.#table.firstReady === 0;
    if (!isEmpty && now < this.#nextBurialMs) return;
    this.#nextBurialMs = now + (isEmpty ? emptyPauseMs : burialPauseMs);
    this.#holders.endDueInRing(now);
    this.#holders.buryTheDead();
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
}
