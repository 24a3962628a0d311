import { Region } from '@ipc/shm';
import { AdaptiveSpin } from './adaptive-spin.ts';
import { SharedLease } from './leased-message.ts';
import type { QueueAttributes, QueueMessage, QueueTraits } from './queue.ts';
import type { QueueEvents, QueuePort, QueueTiming } from './queue-port.ts';
import { PRIORITIES, QUEUE_KIND } from './shared-layout.ts';
import { SharedStore, type StoreCounts, type StoredMessage } from './shared-store.ts';

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
  readonly #messageSpin = new AdaptiveSpin();
  readonly #roomSpin = new AdaptiveSpin();
  #events!: QueueEvents;
  #wantsMessage = false;
  #wantsRoom = false;
  /** Of the message there was no room for. */
  #neededBytes = 0;
  /** Inside `room` or `ready`, which say what they want next: it is acted on behind them. */
  #calling = false;
  #asleep = false;
  #timer: NodeJS.Timeout | undefined;
  #released = false;

  /** Owns `region` from now on; on failure it stays the caller's. */
  constructor(region: Region) {
    this.#region = region;
    this.#store = new SharedStore(region, () => {
      this.#asleep = false;
      this.#messageSpin.woken();
      this.#roomSpin.woken();
      this.#look();
    });
    this.maxMessageBytes = this.#store.maxMessageBytes;
  }

  attach(events: QueueEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array, priority: number, timing?: QueueTiming): boolean {
    const pushed = this.#store.push(message, priority, timing);
    if (!pushed) this.#neededBytes = message.length;
    else if (this.#wantsMessage && this.#asleep) this.#lookSoon();
    return pushed;
  }

  pull(leaseMs = 0): QueueMessage | undefined {
    const message = this.#store.pull(leaseMs);
    if (message === undefined) return undefined;
    if (leaseMs > 0) return new SharedLease(this.#store, message);
    if (this.#wantsRoom && this.#asleep) this.#lookSoon();
    return { bytes: message.bytes, priority: message.priority };
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
    this.#block(false, this.#neededBytes, timeoutMs);
  }

  blockForMessage(timeoutMs: number): void {
    this.#block(true, -1, timeoutMs);
  }

  attributes(): QueueAttributes & StoreCounts {
    return {
      maxMessages: this.#store.maxMessages,
      maxMessageBytes: this.#store.maxMessageBytes,
      ...this.#store.counts,
    };
  }

  pullDead(): StoredMessage | undefined {
    return this.#store.pullDead();
  }

  revive(limit: number): number {
    const count = this.#store.revive(limit);
    if (this.#wantsMessage && this.#asleep && count > 0) this.#lookSoon();
    return count;
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
    this.#events.room();
    return !this.#wantsRoom;
  };

  readonly #tryMessage = (): boolean => {
    this.#events.ready();
    return !this.#wantsMessage;
  };

  #settle(on: boolean, spin: AdaptiveSpin, attempt: () => boolean): void {
    if (this.#calling || this.#released) return;
    if (on) {
      this.#calling = true;
      try {
        spin.run(attempt);
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

  /** This very handle has changed something to the advantage of its own callers: nobody else rings for them. */
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
    const waiting = this.#store.announce(this.#wantsMessage, this.#wantsRoom ? this.#neededBytes : -1);
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
  #block(wantsMessage: boolean, wantsRoomFor: number, timeoutMs: number): void {
    const wasAsleep = this.#asleep;
    if (wasAsleep) this.#wake();
    try {
      const waiting = this.#store.announce(wantsMessage, wantsRoomFor);
      if (waiting === undefined) return;
      this.#store.block(waiting, timeoutMs);
      this.#store.withdraw();
    } finally {
      if (wasAsleep) this.#lookSoon();
    }
  }
}
