import { closedError, WaitQueue } from '@ipc/core';
import type { Participant } from './participant.ts';
import { SlotSleep } from './slot-sleep.ts';
import { Spin } from './spin.ts';

/** Waiting for what `take` gets, once it gets something: on the event loop, first come first served, or of the whole thread. */
export class PoolWait<T> {
  readonly #take: () => T | undefined;
  readonly #sleep: SlotSleep;
  readonly #spin: Spin;
  readonly #isReady: () => boolean;
  readonly #waiting: WaitQueue<undefined, T>;
  #isOpen = true;

  /** @param isReady - Whether `take` might get something. Must not throw. */
  constructor(
    words: Int32Array,
    hint: number,
    participant: Participant,
    spinUs: number,
    isReady: () => boolean,
    take: () => T | undefined,
  ) {
    this.#take = take;
    this.#isReady = isReady;
    this.#spin = new Spin(spinUs);
    this.#sleep = new SlotSleep(words, hint, participant, isReady);
    this.#waiting = new WaitQueue(() => {
      if (this.#waiting.length === 0) this.#sleep.stop();
    });
  }

  /** Whether nobody waits on the event loop, who would come first. */
  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }

  async wait(signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    if (!this.#isOpen) throw closedError('pool');
    const taken = this.isIdle ? this.#take() : undefined;
    if (taken !== undefined) return taken;
    const waited = this.#waiting.wait(undefined, signal);
    this.#fallAsleep();
    return waited;
  }

  /** Blocks the thread; undefined when the time is over first. -1 is for ever. */
  block(timeoutMs: number): T | undefined {
    if (!this.#isOpen) throw closedError('pool');
    let deadline: number | undefined;
    for (;;) {
      const taken = this.isIdle ? this.#take() : undefined;
      if (taken !== undefined) return taken;
      const now = performance.now();
      deadline ??= now + timeoutMs;
      const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - now);
      if (!this.#spin.until(this.#isReady) && !this.#sleep.block(left)) return undefined;
      this.serve();
    }
  }

  /** Gives what there is to those who wait on the event loop. */
  serve(): void {
    try {
      while (!this.isIdle) {
        const taken = this.#take();
        if (taken === undefined) break;
        this.#waiting.resolveNext(taken);
      }
    } catch (error) {
      this.#waiting.rejectAll(error);
    }
    this.#fallAsleep();
  }

  close(): void {
    this.#isOpen = false;
    this.#sleep.stop();
    this.#waiting.rejectAll(closedError('pool'));
  }

  #fallAsleep(): void {
    if (this.isIdle) this.#sleep.stop();
    else this.#sleep.start(() => {
      this.serve();
    }); // prettier-ignore
  }
}
