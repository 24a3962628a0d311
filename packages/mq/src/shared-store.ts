import type { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { DeliveryOrder } from './delivery-order.ts';
import { HeldLeases } from './held-leases.ts';
import { CellLease, RingLease } from './leased-message.ts';
import { LeaseHolders } from './lease-holders.ts';
import { MessageTable, type DeadLetter } from './message-table.ts';
import { nowMs } from './monotonic-clock.ts';
import type { LeasedMessage, QueueMessage } from './queue.ts';
import type { QueueTiming } from './queue-port.ts';
import { OUTRUN, STORED, type BlockChain, type BlockPool } from './block-pool.ts';
import { QueueGuard } from './queue-guard.ts';
import { QueueSleep } from './queue-sleep.ts';
import { RingLeases } from './ring-leases.ts';
import {
  DEAD,
  DELAYED,
  EXPIRED,
  LEASED,
  MESSAGES,
  REDELIVERED,
  WANTS_MESSAGE,
  WANTS_ROOM,
} from './shared-layout.ts';
import { CLAIM_FREED, CLAIM_RECEIVES, CLAIM_SENT } from './slot-ring-layout.ts';
import { SharedParts } from './shared-parts.ts';
import { SlotMover } from './slot-mover.ts';
import { ELSEWHERE, FULL, SENT, SlotRing } from './slot-ring.ts';
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
  /** Those whose death may give messages back, or room: it wakes who sleeps. */
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

/** When a message in the ring waits for cells. */
const soonMs = 1;

/**
 * A queue in shared memory, for one handle: the ring, the messages in cells, and the guard around them.
 *
 * Messages of priority 0 without times go through the {@link SlotRing}, without the guard, as long as nothing comes before
 * them. Everything else is one stay inside, and either has happened or has not, whatever step its process dies at: see {@link UndoLog}.
 */
export class SharedStore {
  readonly maxMessages: number;
  readonly maxMessageBytes: number;
  readonly #words: Int32Array;
  readonly #log: UndoLog;
  readonly #cellBytes: number;
  readonly #blocks: BlockPool;
  readonly #guard: QueueGuard;
  readonly #sleep: QueueSleep;
  readonly #ring: SlotRing;
  readonly #table: MessageTable;
  readonly #order: DeliveryOrder;
  readonly #ringLeases: RingLeases;
  readonly #leases: HeldLeases;
  readonly #mover: SlotMover;
  readonly #holders: LeaseHolders;
  readonly #participant: number;
  /** Index of the word that says that this participant has received. */
  readonly #received: number;
  /** Index of the two words that name the blocks of a message that is being sent. */
  readonly #sent: number;
  /** What there was no room for last: bytes, and whether its place is the ring. */
  #refusedBytes = 0;
  #refusedByRing = false;
  /** A message in the ring could not be leased for want of a cell. */
  #isStarved = false;

  constructor(region: Region, events: StoreEvents) {
    const { words } = region;
    const parts = new SharedParts(region);
    const { log, blocks, lists, timers, slots, participants, maxMessageBytes, maxAttempts } = parts;
    this.#words = words;
    this.maxMessages = parts.maxMessages;
    this.maxMessageBytes = maxMessageBytes;
    this.#log = log;
    this.#cellBytes = parts.cellBytes;
    this.#blocks = blocks;
    const monitor = Monitor.in(region, parts.monitor, events.look, { participants });
    const participant = (this.#participant = monitor.index);
    const claim = slots.claimAt(participant);
    this.#received = claim + CLAIM_RECEIVES;
    this.#sent = claim + CLAIM_SENT;
    const guard = (this.#guard = new QueueGuard(monitor, log));
    const sleep = (this.#sleep = new QueueSleep({ words, monitor, guard, lookSoon: events.lookSoon }));
    const wake = (wants: number): void => {
      sleep.wake(wants);
    };
    const table = (this.#table = new MessageTable({
      words,
      log,
      pool: parts.pool,
      blocks,
      freed: claim + CLAIM_FREED,
      lists,
      timers,
      maxMessageBytes,
      maxAttempts,
      ring: wake,
      lastList: () => this.#order.lastList(),
    }));
    const ring = (this.#ring = new SlotRing(slots, blocks, participant));
    const leases = (this.#ringLeases = new RingLeases(slots, ring, parts.leases, participant));
    const mover = (this.#mover = new SlotMover({
      words,
      log,
      table,
      memory: slots,
      ring,
      participant,
      wake,
    }));
    const holders = (this.#holders = new LeaseHolders({
      words,
      participants,
      monitor,
      table,
      slots,
      blocks,
      ring,
      leases,
      mover,
      wake,
    }));
    this.#order = new DeliveryOrder({ words, log, guard, sleep, table, lists, timers, ring, holders });
    this.#leases = new HeldLeases({ guard, sleep, table, leases, mover, participant });
    guard.inside(() => {
      holders.join((word, value) => {
        log.set(word, value);
      });
      log.commit();
    });
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
      if (this.#words[this.#sent] !== 0) {
        this.#blocks.release(this.#sent);
        this.#sleep.ringForRoom();
      }
    }
  }

  /** @param name - Index of the two words that name the blocks of a long one; 0: it is not. */
  #push(message: Uint8Array, name: number, priority: number, timing: QueueTiming | undefined): boolean {
    const { length } = message;
    if (priority === 0 && timing === undefined) {
      const outcome = this.#ring.push(message, name, this.#sleep.ringForMessage);
      if (outcome === SENT) return true;
      if (outcome === FULL) return this.#refuse(length, true);
    }
    if (!this.#hasCell() && this.#order.isSettled()) return this.#refuse(length, false);
    this.#guard.enter();
    try {
      if (!this.#hasCell() && (this.#table.runTimers(nowMs()) === 0 || !this.#hasCell()))
        return this.#refuse(length, false);
      if (priority === 0 && !this.#order.canAddLast()) return this.#refuse(length, true);
      this.#table.add(name === 0 ? message : this.#chainSent(length), priority, timing);
      if (name !== 0) this.#log.set(name, 0);
      this.#log.commit();
      return true;
    } finally {
      this.#guard.leave();
    }
  }

  #storeLong(message: Uint8Array): boolean {
    const outcome = this.#blocks.store(message, this.#participant, this.#sent);
    if (outcome === STORED) return true;
    if (outcome === OUTRUN) this.#sleep.ringForRoom(); // who looked meanwhile saw less room than there is
    if (this.#order.isSettled() || this.#guard.inside(() => this.#table.runTimers(nowMs())) === 0)
      return false;
    return this.#blocks.store(message, this.#participant, this.#sent) === STORED;
  }

  /** Whether there seems to be a slot or a cell: it is not worth copying a message for nothing. */
  #hasPlace(priority: number, timing: QueueTiming | undefined): boolean {
    const room = priority === 0 && timing === undefined ? this.#ring.room : ELSEWHERE;
    return room === SENT || (room === ELSEWHERE && (this.#hasCell() || !this.#order.isSettled()));
  }

  #chainSent(length: number): BlockChain {
    return { length, block: this.#words[this.#sent] ?? 0, state: this.#words[this.#sent + 1] ?? 0 };
  }

  /** Takes the first message out; undefined when none is ready. */
  pull(): QueueMessage | undefined {
    if (this.#words[this.#received] === 0) this.#beginReceiving();
    for (;;) {
      // In this order: what is in the ring now was sent when the lists were not looked at yet.
      const found = this.#ring.look();
      if (!this.#order.isRingNext()) break;
      if (found) {
        const bytes = this.#ring.take();
        if (bytes === undefined) continue;
        this.#sleep.ringForRoom();
        return { bytes, priority: 0 };
      }
      if (!this.#order.hasBehindRing) return undefined;
      break;
    }
    const message = this.#pullInside();
    if (message !== undefined && this.#table.finish(message)) this.#sleep.ringForRoom();
    return message;
  }

  #pullInside(): QueueMessage | undefined {
    this.#guard.enter();
    try {
      const cell = this.#order.firstReady();
      if (cell !== 0) return this.#table.take(cell);
      while (this.#ring.find()) {
        this.#sleep.wake(WANTS_ROOM);
        const bytes = this.#ring.take();
        if (bytes !== undefined) return { bytes, priority: 0 };
      }
      return undefined;
    } finally {
      this.#guard.leave();
    }
  }

  /** Hides the first message for `leaseMs`, or until it is acknowledged or given back; undefined when none is ready. */
  lease(leaseMs: number): LeasedMessage | undefined {
    if (this.#words[this.#received] === 0) this.#beginReceiving();
    for (;;) {
      const found = this.#ring.look();
      const now = nowMs();
      if (!this.#order.isRingNext(now)) break;
      if (found && this.#ringLeases.hasRoom) {
        const leased = this.#leaseInRing(now + leaseMs);
        if (leased === undefined) continue;
        return leased;
      }
      if (!found && !this.#order.hasBehindRing) return undefined;
      break;
    }
    this.#guard.enter();
    try {
      const cell = this.#order.firstReady();
      if (cell !== 0) return new CellLease(this.#leases, this.#table.lease(cell, this.#participant, leaseMs));
      while (this.#ring.find()) {
        const hasRoom = this.#ringLeases.hasRoom;
        this.#isStarved = !hasRoom && !this.#mover.hasRoom;
        if (this.#isStarved) return undefined;
        const leased = hasRoom ? this.#leaseInRing(nowMs() + leaseMs) : this.#leaseInCell(leaseMs);
        if (leased !== undefined) return leased;
      }
      return undefined;
    } finally {
      this.#guard.leave();
    }
  }

  /** Takes the oldest dead letter out. */
  pullDead(): DeadLetter | undefined {
    return this.#guard.inside(() => this.#table.takeDead());
  }

  /** Makes dead letters messages again, the oldest first; returns how many. */
  revive(limit: number): number {
    return this.#guard.inside(() => {
      let count = 0;
      while (count < limit && this.#table.revive()) count++;
      return count;
    });
  }

  /**
   * Announces that this participant will sleep, unless there is something to do already.
   *
   * @param wantsMessage - For any message. @param wantsRoom - For what was refused last.
   * @returns undefined when a push or pull may succeed now.
   */
  announce(wantsMessage: boolean, wantsRoom: boolean): Waiting | undefined {
    return this.#guard.inside(() => {
      this.#order.runTimers();
      this.#holders.buryTheDead();
      // Announced first, looked for second: who sends or receives without the guard does it the other way round.
      this.#sleep.want((wantsMessage ? WANTS_MESSAGE : 0) | (wantsRoom ? WANTS_ROOM : 0));
      const pauseMs = wantsMessage ? this.#messagePauseMs() : Infinity;
      if (pauseMs === 0 || (wantsRoom && this.#hasRoom())) {
        this.#sleep.stayAwake();
        return undefined;
      }
      this.#sleep.announce();
      return {
        watched: wantsRoom ? this.#holders.receivers : this.#holders.identities,
        dueMs: Math.min(pauseMs, this.#order.dueMs),
      };
    });
  }

  /** Whether looking for room again may be worth it: for who does so again and again. */
  get isRoomy(): boolean {
    if (this.#refusedBytes > this.#cellBytes && !this.#blocks.isRoomy) return false;
    return !this.#refusedByRing || this.#ring.isRoomy;
  }

  withdraw(): void {
    this.#sleep.withdraw();
  }

  /** After `announce`. */
  sleep({ watched }: Waiting): void {
    this.#sleep.sleep(watched);
  }

  /** After `announce`: BLOCKS until something may have changed, or for `timeoutMs` (-1: for ever). */
  block({ watched, dueMs }: Waiting, timeoutMs: number): void {
    this.#sleep.block(watched, Math.min(dueMs, timeoutMs < 0 ? 2 ** 31 : timeoutMs));
  }

  get counts(): StoreCounts {
    return this.#guard.inside(() => {
      const now = nowMs();
      this.#table.runTimers(now);
      this.#holders.endDueInRing(now);
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
    });
  }

  /** Gives back what is leased here, and leaves. */
  close(): void {
    if (!this.#guard.isOpen) return;
    try {
      this.#guard.inside(() => {
        this.#holders.inherit(this.#participant);
      });
    } finally {
      this.#guard.close();
    }
  }

  /**
   * Before this participant frees room for the first time: it rings for that a moment later, and who sleeps for room
   * has to watch whether it dies in between.
   */
  #beginReceiving(): void {
    this.#guard.inside(() => {
      this.#sleep.wake(WANTS_ROOM);
      this.#words[this.#received] = 1;
    });
  }

  #refuse(bytes: number, byRing: boolean): false {
    this.#refusedBytes = bytes;
    this.#refusedByRing = byRing;
    return false;
  }

  /** What the ring's `look` or `find` has found, under lease where it is; undefined when somebody else was faster. */
  #leaseInRing(deadlineMs: number): LeasedMessage | undefined {
    const leased = this.#ringLeases.lease(deadlineMs);
    if (leased === undefined) return undefined;
    this.#order.lookBy(deadlineMs);
    return new RingLease(this.#leases, leased.bytes, leased.id);
  }

  /** Inside: the same, moved into a cell. */
  #leaseInCell(leaseMs: number): LeasedMessage | undefined {
    const leased = this.#mover.lease(leaseMs);
    return leased && new CellLease(this.#leases, leased);
  }

  /** How long one who wants a message may sleep at most without being rung: 0 when it should not. */
  #messagePauseMs(): number {
    if (this.#table.firstReady !== 0) return 0;
    if (this.#ring.find(0)) return this.#isStarved ? soonMs : 0;
    return this.#order.hasBehindRing ? 0 : Infinity;
  }

  /** Whether there is room for what was refused last. */
  #hasRoom(): boolean {
    const room = this.#refusedByRing ? this.#ring.room : ELSEWHERE;
    return (room === SENT || (room === ELSEWHERE && this.#hasCell())) && this.#hasBlocks(this.#refusedBytes);
  }

  #hasCell(): boolean {
    return (this.#words[MESSAGES] ?? 0) < this.maxMessages && this.#table.hasCell;
  }

  /** Whether there are blocks for a message, where it needs any. */
  #hasBlocks(length: number): boolean {
    return length <= this.#cellBytes || this.#blocks.hasRoom(length);
  }
}
