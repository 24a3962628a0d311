import {
  isIpcError,
  peerGoneError,
  type End,
  type IpcError,
  type ReceiveEvents,
  type ReceivePort,
} from '@ipc/core';
import type { RingReader } from './ring-reader.ts';
import type { Spin } from './spin.ts';
import type { WakeLine } from './wake-line.ts';

/** After this many spins in a row that found something, one lets the event loop run, so that nothing else starves. */
const spinsPerTurn = 32;

/** What follows runs as a microtask: by `queueMicrotask`, Node would make an AsyncResource for each. */
const resolved = Promise.resolve();

/** A ring's reading end as a port of a channel: when nothing is there, it spins while that pays, and sleeps until the wake line rings. */
export class RingReceivePort implements ReceivePort {
  readonly #reader: RingReader;
  readonly #line: WakeLine;
  readonly #spin: Spin;
  readonly #look: () => boolean;
  readonly #beforeIdle: () => void;
  #damage: IpcError | undefined;
  #end: End | undefined;
  #events: ReceiveEvents | undefined;
  #awaited = false;
  #asleep = false;
  #spinsThisTurn = 0;
  #released = false;

  /** @param beforeIdle - Called whenever nothing was found, and before waiting. */
  constructor(reader: RingReader, line: WakeLine, spin: Spin, beforeIdle: () => void) {
    this.#reader = reader;
    this.#line = line;
    this.#spin = spin;
    this.#look = () => reader.hasMessage();
    this.#beforeIdle = beforeIdle;
  }

  get end(): End | undefined {
    if (this.#end === undefined) {
      if (this.#damage !== undefined) this.#end = { error: this.#damage };
      else if (this.#line.ended) this.#end = this.#reader.isFinished ? {} : { error: peerGoneError() };
    }
    return this.#end;
  }

  get ended(): boolean {
    try {
      return this.#damage === undefined && this.#reader.isEnded;
    } catch (error) {
      this.#damaged(error);
      return false;
    }
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#line.listen(() => {
      if (this.#released) return;
      if (this.#asleep) this.#spin.woken();
      if (this.#asleep || this.#line.ended) this.#report();
    });
  }

  pull(): Uint8Array | undefined {
    if (this.#damage !== undefined) return undefined;
    try {
      const message = this.#reader.tryReceive();
      if (message === undefined) this.#beforeIdle();
      return message;
    } catch (error) {
      this.#damaged(error);
      return undefined;
    }
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    if (this.#damage !== undefined) return 0;
    let count = 0;
    let handled = 0;
    try {
      this.#reader.lend((message) => {
        count++;
        handler(message);
        handled++;
      }, limit);
    } catch (error) {
      if (handled < count) throw error; // the handler's own, whatever it says
      this.#damaged(error);
    }
    if (count === 0) this.#beforeIdle();
    return count;
  }

  awaitMessage(on: boolean): void {
    if (this.#released || on === this.#awaited) return;
    this.#awaited = on;
    if (!on) this.#wakeUp();
    // Not at once: what the caller does next, such as sending what it awaits the answer to, comes first.
    else void resolved.then(this.#sleep);
  }

  release(): void {
    if (this.#released) return;
    this.awaitMessage(false);
    this.#released = true;
    this.#reader.finish();
    this.#line.release();
  }

  /** Spins; then sleeps until the line rings, unless a message came meanwhile. */
  readonly #sleep = (): void => {
    if (!this.#awaited || this.#asleep || this.#released) return;
    this.#beforeIdle();
    try {
      if (!this.#line.ended && !this.#spin.until(this.#look) && this.#fallAsleep()) return;
    } catch (error) {
      this.#damaged(error);
    }
    if (!this.#line.ended && this.#damage === undefined && ++this.#spinsThisTurn < spinsPerTurn)
      this.#report();
    else this.#reportSoon();
  };

  /** Whether it sleeps now: there is no message, and the line has not ended. */
  #fallAsleep(): boolean {
    this.#line.ref();
    try {
      this.#asleep = !this.#line.ended && this.#reader.sleep();
    } finally {
      if (this.#asleep) this.#spinsThisTurn = 0;
      else this.#line.unref();
    }
    return this.#asleep;
  }

  #wakeUp(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    this.#reader.stopSleeping();
    this.#line.unref();
  }

  #report(): void {
    this.#wakeUp();
    this.#awaited = false;
    this.#events?.ready();
  }

  #reportSoon(): void {
    this.#spinsThisTurn = 0;
    setImmediate(() => {
      if (!this.#released) this.#report();
    });
  }

  #damaged(error: unknown): void {
    if (!isIpcError(error, 'ERR_IPC_CORRUPT')) throw error;
    this.#damage = error;
  }
}
