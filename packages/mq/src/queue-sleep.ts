import type { Monitor } from '@ipc/sync';
import { orderedLoad } from './ordered-load.ts';
import type { QueueGuard } from './queue-guard.ts';
import { MESSAGE_WANTED, ROOM_WANTED, WANTS_MESSAGE, WANTS_ROOM } from './shared-layout.ts';

/** What a {@link QueueSleep} works with. */
export interface QueueSleepParts {
  readonly words: Int32Array;
  readonly monitor: Monitor;
  readonly guard: QueueGuard;
  /** This very handle has changed something to the advantage of its own callers, and nobody else rings for them. */
  readonly lookSoon: () => void;
}

/**
 * Who sleeps beside a queue, and who wakes them.
 *
 * Two words say whether anybody wants a message, or room: set inside the guard, before who sets them looks a last time. So who
 * changes something without the guard looks at them only behind its change, and finds either nobody, or a sleeper to wake.
 */
export class QueueSleep {
  /** Outside: a message is about to be seen. */
  readonly ringForMessage: () => void;
  readonly #words: Int32Array;
  readonly #monitor: Monitor;
  readonly #guard: QueueGuard;
  readonly #lookSoon: () => void;
  /** What this handle has said that it wants. */
  #wanted = 0;

  constructor({ words, monitor, guard, lookSoon }: QueueSleepParts) {
    this.#words = words;
    this.#monitor = monitor;
    this.#guard = guard;
    this.#lookSoon = lookSoon;
    this.ringForMessage = () => {
      if (orderedLoad(this.#words, MESSAGE_WANTED) !== 0) this.#wakeFromOutside(WANTS_MESSAGE);
    };
  }

  /** Outside: a slot of the ring, or a block, has become free. */
  ringForRoom(): void {
    if (orderedLoad(this.#words, ROOM_WANTED) !== 0) this.#wakeFromOutside(WANTS_ROOM);
  }

  /** Inside: wakes those who sleep and want one of these. To be called before the change. */
  wake(wants: number): void {
    const words = this.#words;
    const forMessage = (wants & WANTS_MESSAGE) !== 0 && words[MESSAGE_WANTED] !== 0;
    const forRoom = (wants & WANTS_ROOM) !== 0 && words[ROOM_WANTED] !== 0;
    if (!forMessage && !forRoom) return;
    if ((this.#wanted & wants) !== 0) this.#lookSoon();
    this.#monitor.ring(wants);
    if (forMessage) Atomics.store(words, MESSAGE_WANTED, 0);
    if (forRoom) Atomics.store(words, ROOM_WANTED, 0);
  }

  /** Inside: says what this handle wants, before it looks a last time. */
  want(wants: number): void {
    this.#wanted = wants;
    if ((wants & WANTS_MESSAGE) !== 0) Atomics.store(this.#words, MESSAGE_WANTED, 1);
    if ((wants & WANTS_ROOM) !== 0) Atomics.store(this.#words, ROOM_WANTED, 1);
  }

  /** Inside, after `want`: it has looked in vain, and will sleep. */
  announce(): void {
    this.#monitor.announce(this.#wanted);
  }

  /** Inside, after `want`: it has not looked in vain. */
  stayAwake(): void {
    this.#wanted = 0;
  }

  withdraw(): void {
    this.#wanted = 0;
    this.#monitor.withdraw();
  }

  /** After `announce`. @param watched - Those whose death wakes it, too. */
  sleep(watched: readonly number[]): void {
    this.#monitor.sleep(watched);
  }

  /** After `announce`: BLOCKS until something may have changed, or for `timeoutMs`. */
  block(watched: readonly number[], timeoutMs: number): void {
    this.#monitor.block(watched, timeoutMs);
  }

  #wakeFromOutside(wants: number): void {
    this.#guard.inside(() => {
      this.wake(wants);
    });
  }
}
