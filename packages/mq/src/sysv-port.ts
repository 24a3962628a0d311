import { fromErrno, IpcError } from '@ipc/core';
import { msgRemove, msgStatus, poll } from '@ipc/native';
import type { QueueAttributes, QueueMessage, QueueTraits } from './queue.ts';
import type { QueueEvents, QueuePort } from './queue-port.ts';
import { queueSpin } from './queue-spin.ts';
import { raiseMessageBytes, sysvQueueLimits } from './sysv-limits.ts';
import { SysvBox } from './sysv-box.ts';
import { SysvWaiter } from './sysv-waiter.ts';

const maxPriority = 32_767;
const lowestTypeFirst = -Number.MAX_SAFE_INTEGER;
const traits: QueueTraits = { maxPriority, survives: 'processes', unlink: 'ends-all', leases: false };
/** First and longest pause between two looks at a full queue: the kernel has no event for "there is room". */
const [firstPauseMs, longestPauseMs] = [0.0625, 8];
/** A timer takes a millisecond at least. Shorter pauses are naps of the thread, one in each turn of the event loop. */
const [shortestTimerMs, longestNapMs] = [1, 0.125];

/** A System V queue of the {@link Queue} contract. Nothing is held open: the kernel knows a queue by its id alone. */
export class SysvPort implements QueuePort {
  readonly traits: QueueTraits = traits;
  readonly maxMessageBytes: number;
  readonly #id: number;
  readonly #sendType: number | undefined;
  readonly #select: number;
  readonly #box: SysvBox;
  #events!: QueueEvents;
  #waiter: SysvWaiter | undefined;
  #stopRoomTimer: (() => void) | undefined;
  #pauseMs = firstPauseMs;
  readonly #roomSpin = queueSpin();
  readonly #messageSpin = queueSpin();
  #wantsRoom = false;
  #wantsMessage = false;
  /** Inside `room` or `ready`, which say what they want next: it is acted on behind them. */
  #calling = false;
  #released = false;

  /** @param sendType - Of all that is sent; by priority when left out. @param select - As of `msgReceive`. */
  constructor(id: number, sendType: number | undefined, select: number = lowestTypeFirst) {
    this.#id = id;
    this.#sendType = sendType;
    this.#select = select;
    this.maxMessageBytes = Math.min(sysvQueueLimits().maxMessageBytes, this.#status().maxBytes);
    this.#box = new SysvBox(id, this.maxMessageBytes, select);
  }

  attach(events: QueueEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array, priority: number): boolean {
    try {
      if (!this.#box.send(message, this.#sendType ?? maxPriority + 1 - priority)) return false;
    } catch (error) {
      throw explained(error, 'send to queue');
    }
    this.#pauseMs = firstPauseMs;
    return true;
  }

  pull(): QueueMessage | undefined {
    const taken = this.#waiter?.taken() ?? 0;
    if (taken !== 0) return { bytes: new Uint8Array(0), priority: priorityOf(taken) };
    const box = this.#box;
    try {
      const bytes = box.receive();
      return bytes && { bytes, priority: priorityOf(box.type) };
    } catch (error) {
      throw explained(error, 'receive from queue');
    }
  }

  awaitRoom(on: boolean): void {
    this.#wantsRoom = on;
    if (this.#calling) return;
    if (on) this.#call(() => this.#roomSpin.until(this.#tryRoom));
    this.#sleep();
  }

  awaitMessage(on: boolean): void {
    this.#wantsMessage = on;
    if (this.#calling) return;
    if (on) this.#call(() => this.#messageSpin.until(this.#tryMessage));
    this.#sleep();
  }

  blockForRoom(timeoutMs: number): void {
    const pauseMs = this.#nextPause();
    nap(timeoutMs < 0 ? pauseMs : Math.min(pauseMs, timeoutMs));
  }

  blockForMessage(timeoutMs: number): void {
    this.#startedWaiter().block(timeoutMs);
  }

  attributes(): QueueAttributes {
    const { maxBytes, messages } = this.#status();
    return {
      maxMessages: Infinity,
      maxMessageBytes: Math.min(sysvQueueLimits().maxMessageBytes, maxBytes),
      messages,
    };
  }

  largerMessages(bytes: number): string {
    return raiseMessageBytes(bytes, this.#status().maxBytes);
  }

  unlink(): boolean {
    return removeQueue(this.#id);
  }

  /** An empty message that waiting took and nobody received goes back, behind the others. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#clearRoomTimer();
    this.#waiter?.close();
    const taken = this.#waiter?.taken() ?? 0;
    if (taken === 0) return;
    try {
      this.#box.send(new Uint8Array(0), taken);
    } catch {
      // the queue is gone, and with it everybody who could miss the message
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

  #call(serve: () => unknown): void {
    this.#calling = true;
    try {
      serve();
    } finally {
      this.#calling = false;
    }
  }

  /** Waits, on the event loop, for what is still wanted. */
  #sleep(): void {
    if (this.#released) return;
    if (this.#wantsMessage) this.#startedWaiter().want(true);
    else this.#waiter?.want(false);
    if (this.#wantsRoom) this.#stopRoomTimer ??= this.#startRoomTimer();
    else this.#clearRoomTimer();
  }

  #startRoomTimer(): () => void {
    const pauseMs = this.#nextPause();
    const look = (): void => {
      this.#stopRoomTimer = undefined;
      this.#roomSpin.woken();
      this.#call(this.#tryRoom);
      this.#sleep();
    };
    if (pauseMs < shortestTimerMs) {
      const turn = setImmediate(() => {
        nap(Math.min(longestNapMs, pauseMs));
        look();
      });
      return () => {
        clearImmediate(turn);
      };
    }
    const timer = setTimeout(look, pauseMs);
    return () => {
      clearTimeout(timer);
    };
  }

  #clearRoomTimer(): void {
    this.#stopRoomTimer?.();
    this.#stopRoomTimer = undefined;
  }

  #startedWaiter(): SysvWaiter {
    this.#waiter ??= new SysvWaiter(this.#id, this.#select, () => {
      this.#messageSpin.woken();
      this.#call(this.#tryMessage);
      this.#sleep();
    });
    return this.#waiter;
  }

  #nextPause(): number {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(longestPauseMs, pauseMs * 2);
    return pauseMs;
  }

  #status(): { messages: number; maxBytes: number } {
    try {
      return msgStatus(this.#id);
    } catch (error) {
      throw explained(error, 'read attributes of queue');
    }
  }
}

function explained(error: unknown, what: string): IpcError {
  return isGone(error)
    ? new IpcError('ERR_IPC_NOT_FOUND', `${what}: the queue was removed`, { cause: error })
    : fromErrno(error, what);
}

/** BLOCKS the thread. */
function nap(timeoutMs: number): void {
  poll(new Int32Array(0), new Int16Array(0), new Int16Array(0), timeoutMs);
}

/** Removes a queue by its id; false when it is gone already. */
export function removeQueue(id: number): boolean {
  try {
    msgRemove(id);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw fromErrno(error, 'unlink queue');
  }
}

/** EIDRM when it went during the call, EINVAL when before. */
function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EIDRM' || code === 'EINVAL';
}

/** Types above those of priorities come from others: they are what is least urgent. */
function priorityOf(type: number): number {
  return Math.max(0, maxPriority + 1 - type);
}
