import { closedError, WaitQueue } from '@ipc/core';
import type { Participant } from './participant.ts';
import { READER, WRITER } from './participants-layout.ts';
import { processors } from './processors.ts';
import type { Region } from './region.ts';
import { SlotSleep } from './slot-sleep.ts';
import { Spin } from './spin.ts';
import type { BlockingWait } from './wait-any-sync.ts';

/** Waiting for what `take` gets, once it gets something: on the event loop, first come first served, or of the whole thread. */
export class TakeWait<T> implements BlockingWait {
  readonly sleep: SlotSleep;
  readonly #what: string;
  readonly #attempt: () => T | undefined;
  readonly #participant: Participant;
  readonly #spin: Spin;
  readonly isReady: () => boolean;
  /** Those who wait for something, and those who only want to know that there is something. */
  readonly #takers: WaitQueue<undefined, T>;
  readonly #watchers: WaitQueue<undefined, undefined>;
  #awaited = false;
  #isOpen = true;

  /**
   * @param what - What is used, for errors.
   * @param isReady - Whether `take` might get something. Must not throw.
   */
  constructor(
    what: string,
    region: Region,
    hint: number,
    participant: Participant,
    spinUs: number,
    isReady: () => boolean,
    take: () => T | undefined,
  ) {
    this.#what = what;
    this.#attempt = take;
    this.#participant = participant;
    this.isReady = isReady;
    this.#spin = new Spin(spinUs);
    this.sleep = new SlotSleep(region, hint, participant, isReady);
    const onAbort = (): void => {
      if (!this.#isWanted()) this.#stop();
    };
    this.#takers = new WaitQueue(onAbort);
    this.#watchers = new WaitQueue(onAbort);
  }

  /** Whether nobody waits on the event loop who would come first. */
  get isIdle(): boolean {
    return this.#takers.length === 0;
  }

  async wait(signal: AbortSignal | undefined): Promise<T> {
    this.#check(signal);
    const taken = this.isIdle ? this.#take() : undefined;
    if (taken !== undefined) return taken;
    return this.#await(this.#takers, signal);
  }

  /** Resolves when `take` might get something; takes nothing. */
  async ready(signal: AbortSignal | undefined): Promise<void> {
    this.#check(signal);
    if (!this.isIdle || !this.isReady()) await this.#await(this.#watchers, signal);
  }

  /** Blocks the thread; undefined when the time is over first. -1 is for ever. */
  block(timeoutMs: number): T | undefined {
    this.#check();
    let deadline: number | undefined;
    for (;;) {
      const taken = this.isIdle ? this.#take() : undefined;
      if (taken !== undefined) return taken;
      const now = performance.now();
      deadline ??= now + timeoutMs;
      const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - now);
      if (!this.#spins()) {
        if (!this.sleep.block(left)) return undefined;
        this.#spin.woken();
      }
      this.serve();
    }
  }

  beforeSleep(): void {
    // nothing to do
  }

  /** Gives what there is to those who wait on the event loop. */
  serve(): void {
    this.#stop();
    try {
      while (!this.isIdle) {
        const taken = this.#take();
        if (taken === undefined) break;
        this.#takers.resolveNext(taken);
      }
    } catch (error) {
      this.#takers.rejectAll(error);
    }
    if (this.isIdle && (this.sleep.damage !== undefined || this.isReady()))
      this.#watchers.resolveAll(undefined);
    if (this.#isWanted()) this.#look();
  }

  close(): void {
    this.#isOpen = false;
    this.#stop();
    this.#takers.rejectAll(closedError(this.#what));
    this.#watchers.rejectAll(closedError(this.#what));
  }

  #isWanted(): boolean {
    return this.#takers.length > 0 || this.#watchers.length > 0;
  }

  /** @throws {IpcError} ERR_IPC_CORRUPT when there is nothing, and there will be nothing. Whatever `take` throws. */
  #take(): T | undefined {
    const taken = this.#attempt();
    if (taken === undefined && this.sleep.damage !== undefined) throw this.sleep.damage;
    return taken;
  }

  #check(signal?: AbortSignal): void {
    signal?.throwIfAborted();
    if (!this.#isOpen) throw closedError(this.#what);
  }

  #await<R>(queue: WaitQueue<undefined, R>, signal: AbortSignal | undefined): Promise<R> {
    const waited = queue.wait(undefined, signal);
    this.#look();
    return waited;
  }

  /** Spins, then sleeps, until there is something. Not at once: what the caller does next, such as publishing, comes first. */
  #look(): void {
    if (this.#awaited) return;
    this.#awaited = true;
    queueMicrotask(() => {
      if (!this.#awaited) return;
      const serve = (): void => {
        if (this.#awaited) this.serve();
      };
      if (this.#spins()) setImmediate(serve);
      else this.sleep.start(() => {
        this.#spin.woken();
        serve();
      }); // prettier-ignore
    });
  }

  /** Whether a spin succeeded. With more participants than processors there is none: it would keep those from running that it waits for. */
  #spins(): boolean {
    let participants = 1;
    for (const role of [READER, WRITER]) this.#participant.others(role, () => participants++);
    return participants <= processors && this.#spin.until(this.isReady);
  }

  #stop(): void {
    this.#awaited = false;
    this.sleep.stop();
  }
}
