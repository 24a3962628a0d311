import { Region, type Spin } from '@ipc/shm';
import type { QueueAttributes, QueueMessage, QueueTraits } from './queue.ts';
import type { QueueEvents, QueuePort, QueueTiming } from './queue-port.ts';
import { queueSpin } from './queue-spin.ts';
import { PRIORITIES, QUEUE_KIND } from './shared-layout.ts';
import type { DeadLetter } from './message-table.ts';
import { SharedStore, type StoreCounts } from './shared-store.ts';

const traits: QueueTraits = {
  maxPriority: PRIORITIES - 1,
  survives: 'processes',
  unlink: 'keeps-open',
  leases: true,
};

/** The longest time that setTimeout knows: who waits longer looks again in between. */
const longestTimerMs = 2 ** 31 - 1;

/** A queue in shared memory as a port: awake for a short time, then asleep until somebody rings or a message's time comes. */
export class SharedPort implements QueuePort {
  readonly traits: QueueTraits = traits;
  readonly maxMessageBytes: number;
  readonly #region: Region;
  readonly #store: SharedStore;
  readonly #messageSpin = queueSpin();
  readonly #roomSpin = queueSpin();
  #events!: QueueEvents;
  #wantsMessage = false;
  #wantsRoom = false;
  /** Inside `room` or `ready`, which say what they want next: it is acted on behind them. */
  #calling = false;
  #asleep = false;
  #timer: NodeJS.Timeout | undefined;
  #released = false;

  /** Owns `region` from now on; on failure it stays the caller's. */
  constructor(region: Region) {
    this.#region = region;
    this.#store = new SharedStore(region, {
      look: () => {
        this.#asleep = false;
        this.#messageSpin.woken();
        this.#roomSpin.woken();
        this.#look();
      },
      lookSoon: () => {
        this.#lookSoon();
      },
    });
    this.maxMessageBytes = this.#store.maxMessageBytes;
  }

  attach(events: QueueEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array, priority: number, timing?: QueueTiming): boolean {
    return this.#store.push(message, priority, timing);
  }

  pull(leaseMs = 0): QueueMessage | undefined {
    return leaseMs === 0 ? this.#store.pull() : this.#store.lease(leaseMs);
  }

  awaitRoom(on: boolean): void {
    this.#wantsRoom = on;
    this.#settle(on, this.#roomSpin, this.#tryRoom);
  }

  awaitMessage(on: boolean): void {
    this.#wantsMessage = on;
    this.#settle(on, this.#messageSpin, this.#tryMessage);
  }

  blockForRoom(timeoutMs: number): void {
    this.#block(false, timeoutMs);
  }

  blockForMessage(timeoutMs: number): void {
    this.#block(true, timeoutMs);
  }

  attributes(): QueueAttributes & StoreCounts {
    return {
      maxMessages: this.#store.maxMessages,
      maxMessageBytes: this.#store.maxMessageBytes,
      ...this.#store.counts,
    };
  }

  pullDead(): DeadLetter | undefined {
    return this.#store.pullDead();
  }

  revive(limit: number): number {
    return this.#store.revive(limit);
  }

  unlink(): boolean {
    return !this.#region.unlinked && Region.unlink(this.#region.name ?? '', QUEUE_KIND);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    clearTimeout(this.#timer);
    try {
      this.#store.close();
    } finally {
      this.#region.close();
    }
  }

  readonly #tryRoom = (): boolean => {
    if (!this.#store.isRoomy) return false;
    this.#events.room();
    return !this.#wantsRoom;
  };

  readonly #tryMessage = (): boolean => {
    this.#events.ready();
    return !this.#wantsMessage;
  };

  #settle(on: boolean, spin: Spin, attempt: () => boolean): void {
    if (this.#calling || this.#released) return;
    if (on) {
      this.#calling = true;
      try {
        spin.until(attempt);
      } finally {
        this.#calling = false;
      }
    }
    this.#sleep();
  }

  /** Serves those who wait, then sleeps if some are left. */
  #look(): void {
    if (this.#released) return;
    this.#calling = true;
    try {
      if (this.#wantsMessage) this.#events.ready();
      if (this.#wantsRoom) this.#events.room();
    } finally {
      this.#calling = false;
    }
    this.#sleep();
  }

  /** In the next turn of the event loop. */
  #lookSoon(): void {
    this.#wake();
    setImmediate(() => {
      this.#look();
    });
  }

  #sleep(): void {
    if (this.#released) return;
    if (!this.#wantsMessage && !this.#wantsRoom) {
      this.#wake();
      return;
    }
    const waiting = this.#store.announce(this.#wantsMessage, this.#wantsRoom);
    if (waiting === undefined) {
      this.#lookSoon();
      return;
    }
    this.#asleep = true;
    this.#store.sleep(waiting);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (waiting.dueMs !== Infinity)
      this.#timer = setTimeout(
        () => {
          this.#wake();
          this.#look();
        },
        Math.min(longestTimerMs, Math.ceil(waiting.dueMs)),
      );
  }

  #wake(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#store.withdraw();
  }

  /** One announcement serves both: whoever waits on the event loop meanwhile is announced again behind it. */
  #block(wantsMessage: boolean, timeoutMs: number): void {
    const wasAsleep = this.#asleep;
    if (wasAsleep) this.#wake();
    try {
      const waiting = this.#store.announce(wantsMessage, !wantsMessage);
      if (waiting === undefined) return;
      this.#store.block(waiting, timeoutMs);
      this.#store.withdraw();
    } finally {
      if (wasAsleep) this.#lookSoon();
    }
  }
}
