import { WaitQueue } from '@ipc/core';
import { poll, POLLIN } from '@ipc/native';
import type { Sleeper } from './bell-path.ts';
import type { BellLine } from './bell-line.ts';
import type { Participant } from './participant.ts';

/** What one waits for: tried again whenever something has changed. */
export interface Attempts<Item, Result> {
  /**
   * Tries for the first in the queue; undefined when it has to wait.
   *
   * @param announced - The caller will sleep if the answer is no: whatever could make it yes must then ring.
   */
  attempt(item: Item, announced: boolean): Result | undefined;
  /** The slots whose thread's death could make the answer yes. Asked after a failed attempt. */
  watched(item: Item): readonly number[];
  /** A caller has given up, by abort or time-out, that was or may have been announced. */
  gaveUp?(item: Item): void;
}

/** A blocking wait looks up this often, so that a worker thread can be terminated. */
const sliceMs = 100;
/** When the one to watch is just being replaced by another in its slot. */
const soonMs = 1;

/**
 * Waiting of one participant: any number of callers on the event loop in one queue, of whom only the first competes,
 * and a blocking one.
 *
 * Sleeping is: announce, try once more, watch for deaths, wait for the bell. A ring, a death and a false alarm have the
 * same effect, "look again", so nothing depends on who rang or why.
 */
export class Waiting<Item, Result> implements Sleeper {
  readonly #participant: Participant;
  readonly #attempts: Attempts<Item, Result>;
  readonly #queue = new WaitQueue<Item, Result>();
  #watched: BellLine[] = [];
  #asleep = false;
  #soon: NodeJS.Timeout | undefined;

  constructor(participant: Participant, attempts: Attempts<Item, Result>) {
    this.#participant = participant;
    this.#attempts = attempts;
  }

  /** Callers that wait on the event loop. */
  get length(): number {
    return this.#queue.length;
  }

  /** What the first of them waits for. */
  get first(): Item | undefined {
    return this.#queue.peek();
  }

  /**
   * Waits on the event loop, behind those who already do.
   *
   * @param look - false when nothing but a later call of `look` in this thread can help.
   */
  wait(item: Item, signal: AbortSignal | undefined, look = true): Promise<Result> {
    const waited = this.#queue.wait(item, signal);
    if (look && this.#queue.length === 1) this.look();
    if (signal !== undefined) {
      waited.catch(() => {
        if (!signal.aborted) return; // closed
        this.#attempts.gaveUp?.(item);
        if (this.#asleep) this.look(); // the next one may want less, and the last one lets the process end
      });
    }
    return waited;
  }

  /** Serves the queue as far as it goes, and sleeps if somebody is left. */
  look(): void {
    this.#wake();
    while (this.#queue.length > 0) {
      const item = this.#queue.peek() as Item;
      try {
        const result = this.#attempts.attempt(item, false) ?? this.#sleep(item);
        if (result === undefined) return;
        this.#wake();
        this.#queue.resolveNext(result);
      } catch (error) {
        this.#wake();
        this.#queue.rejectNext(error);
      }
    }
  }

  /**
   * Blocks the thread until the attempt succeeds.
   *
   * @param timeoutMs - -1 waits for ever.
   * @returns undefined when the time is over.
   */
  waitSync(item: Item, timeoutMs: number): Result | undefined {
    const { bell } = this.#participant;
    const startMs = performance.now();
    try {
      for (;;) {
        this.#participant.announce(true);
        const result = this.#attempts.attempt(item, true);
        if (result !== undefined) return result;
        const leftMs = timeoutMs < 0 ? sliceMs : timeoutMs - (performance.now() - startMs);
        if (leftMs <= 0) {
          this.#attempts.gaveUp?.(item);
          return undefined;
        }
        const lines = this.#linesTo(this.#attempts.watched(item));
        const longestMs = lines.complete ? sliceMs : soonMs;
        if (blockOn(bell.descriptor, lines.found, Math.min(leftMs, longestMs))) {
          bell.silence();
          bell.share();
        }
      }
    } finally {
      if (this.#asleep) this.#participant.announce();
      else this.#participant.withdraw();
    }
  }

  /** Fails everybody who waits. */
  close(error: Error): void {
    this.#queue.rejectAll(error);
    this.#wake();
  }

  #sleep(item: Item): Result | undefined {
    this.#participant.announce();
    const result = this.#attempts.attempt(item, true);
    if (result !== undefined) return result;
    const lines = this.#linesTo(this.#attempts.watched(item));
    this.#asleep = true;
    this.#watched = lines.found;
    for (const line of lines.found) line.add(this);
    if (!lines.complete) {
      this.#soon = setTimeout(() => {
        this.look();
      }, soonMs);
    }
    this.#participant.bell.add(this);
    return undefined;
  }

  #wake(): void {
    if (!this.#asleep) {
      this.#participant.withdraw();
      return;
    }
    this.#asleep = false;
    this.#participant.withdraw();
    this.#participant.bell.delete(this);
    for (const line of this.#watched) line.delete(this);
    this.#watched = [];
    clearTimeout(this.#soon);
  }

  #linesTo(slots: readonly number[]): { found: BellLine[]; complete: boolean } {
    const found: BellLine[] = [];
    let complete = true;
    for (const slot of slots) {
      if (this.#participant.isOwnThread(slot)) continue;
      const line = this.#participant.lineTo(slot);
      if (line === undefined) complete = false;
      else found.push(line);
    }
    // Opening one line hangs up others whose thread has just died.
    const open = found.filter((line) => line.isOpen);
    return { found: open, complete: complete && open.length === found.length };
  }
}

/** Blocks until the bell is rung, which is true, or one of the lines is dead, which hangs it up. */
export function blockOn(bell: number, lines: readonly BellLine[], timeoutMs: number): boolean {
  const descriptors = Int32Array.of(bell, ...lines.map((line) => line.descriptor));
  const events = Int16Array.of(POLLIN, ...lines.map(() => 0));
  const readiness = new Int16Array(descriptors.length);
  poll(descriptors, events, readiness, timeoutMs);
  for (const [index, line] of lines.entries()) if (readiness[index + 1] !== 0) line.hangUp();
  return readiness[0] !== 0;
}
