import type { LeaseHolders } from './lease-holders.ts';
import { behindRingList, priorityList, type List, type MessageLists } from './message-lists.ts';
import type { MessageTable } from './message-table.ts';
import { nowMs } from './monotonic-clock.ts';
import type { QueueGuard } from './queue-guard.ts';
import type { QueueSleep } from './queue-sleep.ts';
import { LEASED, RING_LEASES, SUMMARY, WANTS_ROOM } from './shared-layout.ts';
import type { SlotRing } from './slot-ring.ts';
import type { TimerHeap } from './timer-heap.ts';
import type { UndoLog } from './undo-log.ts';

/** What a {@link DeliveryOrder} works with. */
export interface DeliveryOrderParts {
  readonly words: Int32Array;
  readonly log: UndoLog;
  readonly guard: QueueGuard;
  readonly sleep: QueueSleep;
  readonly table: MessageTable;
  readonly lists: MessageLists;
  readonly timers: TimerHeap;
  readonly ring: SlotRing;
  readonly holders: LeaseHolders;
}

/** How often a receiver asks at most whether those who have leases live: one that finds messages, and one that finds none. */
const [burialPauseMs, emptyPauseMs] = [10, 1];

/**
 * Which message comes next, and where one that is sent belongs: the lists of all priorities, the highest first; then the ring; then the
 * list behind the ring, which gets what cannot go through the ring while messages are in it. What is due comes before all that.
 */
export class DeliveryOrder {
  readonly #words: Int32Array;
  readonly #log: UndoLog;
  readonly #guard: QueueGuard;
  readonly #sleep: QueueSleep;
  readonly #table: MessageTable;
  readonly #lists: MessageLists;
  readonly #timers: TimerHeap;
  readonly #ring: SlotRing;
  readonly #holders: LeaseHolders;
  #nextBurialMs = 0;

  constructor(parts: DeliveryOrderParts) {
    this.#words = parts.words;
    this.#log = parts.log;
    this.#guard = parts.guard;
    this.#sleep = parts.sleep;
    this.#table = parts.table;
    this.#lists = parts.lists;
    this.#timers = parts.timers;
    this.#ring = parts.ring;
    this.#holders = parts.holders;
  }

  /**
   * Whether nothing comes before what is in the ring, as seen from outside the guard: no other message is ready, nobody is inside, or died
   * there, and no time has come. Plain loads: the atomic one of the ring comes before, the compareExchange that takes behind.
   */
  isRingNext(now?: number): boolean {
    return this.#words[SUMMARY] === 0 && this.isSettled(now);
  }

  /**
   * Whether what was just seen from outside the guard holds. Who looks again and again in vain must not keep others out,
   * least of all when it is preempted there.
   */
  isSettled(now?: number): boolean {
    if (!this.#guard.isOpen || this.#log.isDirty) return false;
    const hasTimers = this.#timers.length > 0;
    if (!hasTimers && this.#words[RING_LEASES] === 0) return true;
    const seen = now ?? nowMs();
    return (
      (!hasTimers || seen < this.#timers.nextMsSeen) && (!this.#hasLeases() || seen < this.#nextBurialMs)
    );
  }

  /** Whether any message comes behind the ring. */
  get hasBehindRing(): boolean {
    return this.#lists.first(behindRingList) !== 0;
  }

  /** This handle has a lease that may end sooner than it would look. */
  lookBy(deadlineMs: number): void {
    if (deadlineMs < this.#nextBurialMs) this.#nextBurialMs = deadlineMs;
  }

  /** Inside: the cell of the first message, if it is in one, also after asking whether those who have leases live; else 0. */
  firstReady(): number {
    this.runTimers();
    const cell = this.#table.firstReady;
    if (cell !== 0 || !this.hasBehindRing || this.#ring.find()) return cell;
    this.#sleep.wake(WANTS_ROOM);
    this.#table.advanceBehindRing();
    this.#ring.open();
    return this.#table.firstReady;
  }

  /** Inside: carries out what is due, and now and then asks for the dead. */
  runTimers(): void {
    const hasTimers = this.#timers.length > 0;
    if (!hasTimers && !this.#hasLeases()) return;
    const now = nowMs();
    if (hasTimers) this.#table.runTimers(now);
    if (!this.#hasLeases()) return;
    const isEmpty = this.#table.firstReady === 0;
    if (!isEmpty && now < this.#nextBurialMs) return;
    this.#holders.endDueInRing(now);
    this.#holders.buryTheDead();
    this.#nextBurialMs =
      now +
      (isEmpty
        ? emptyPauseMs
        : Math.max(emptyPauseMs, Math.min(burialPauseMs, this.#holders.nextDueInRingMs - now)));
  }

  /** Inside: milliseconds until the next time that somebody has to act on; Infinity without one. */
  get dueMs(): number {
    return Math.max(0, Math.min(this.#timers.nextMs, this.#holders.nextDueInRingMs) - nowMs());
  }

  /** Inside: makes sure that a message of priority 0 can be put behind all others; false while that cannot be said. */
  canAddLast(): boolean {
    if (!this.hasBehindRing && !this.#ring.find(0)) {
      this.#ring.open();
      return true;
    }
    return this.#ring.close();
  }

  /** Inside: the list of the last message of priority 0. */
  lastList(): List {
    return this.canAddLast() && this.#ring.isClosed ? behindRingList : priorityList(0);
  }

  /** Whether anybody may have a lease, as seen from outside, too. */
  #hasLeases(): boolean {
    return this.#words[LEASED] !== 0 || this.#words[RING_LEASES] !== 0;
  }
}
