/** A ring's two ends as ports of a channel: what cannot go on at once sleeps until the wake line rings. */
import {
  isIpcError,
  peerGoneError,
  type End,
  type IpcError,
  type ReceiveEvents,
  type ReceivePort,
  type SendEvents,
  type SendPort,
} from '@ipc/core';
import { LentCopy } from './lent-copy.ts';
import { view } from './owned-copy.ts';
import type { RingMemory } from './ring-layout.ts';
import type { RingReader } from './ring-reader.ts';
import type { RingWriter } from './ring-writer.ts';
import type { Spin } from './spin.ts';
import type { WakeLine } from './wake-line.ts';

/** After this many spins in a row that found something, one lets the event loop run, so that nothing else starves. */
const spinsPerTurn = 256;

/**
 * So many bytes are published at once; fewer, when this turn's callbacks have run. A store to the head costs a transfer
 * of its cache line from the reader's core, as much as several small messages.
 */
const publishBytes = 4 << 10;

export class RingSendPort implements SendPort {
  readonly maxMessageBytes: number;
  readonly #writer: RingWriter;
  readonly #line: WakeLine;
  #events: SendEvents | undefined;
  #waiting = false;
  #publishScheduled = false;
  #failed = false;
  #released = false;

  constructor(writer: RingWriter, line: WakeLine, maxMessageBytes: number) {
    this.#writer = writer;
    this.#line = line;
    this.maxMessageBytes = Math.min(maxMessageBytes, writer.maxMessageBytes);
  }

  attach(events: SendEvents): void {
    this.#events = events;
    this.#line.listen(() => {
      if (this.#released || this.#notice() || !this.#waiting) return;
      this.#stopWaiting();
      events.room();
    });
  }

  push(message: Uint8Array): boolean {
    if (this.#failed) return false;
    try {
      return this.#writer.push(message);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** What is published is in shared memory, which outlives this process. */
  get pendingBytes(): number {
    return this.#released ? 0 : this.#writer.unpublishedBytes;
  }

  publish(): void {
    if (this.#writer.unpublishedBytes >= publishBytes) {
      this.#writer.publish();
    } else if (!this.#publishScheduled) {
      this.#publishScheduled = true;
      process.nextTick(this.#onTick);
    }
  }

  /** What waits for the end of the turn leaves now: this thread is about to wait or poll for the answer. */
  publishNow(): void {
    if (this.#writer.unpublishedBytes !== 0 && !this.#released) this.#writer.publish();
  }

  readonly #onTick = (): void => {
    this.#publishScheduled = false;
    this.publishNow();
  };

  awaitRoom(on: boolean): void {
    if (this.#released || on === this.#waiting) return;
    if (!on) {
      this.#stopWaiting();
      return;
    }
    try {
      if (this.#writer.awaitRoom()) {
        this.#waiting = true;
        this.#line.ref();
        return;
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    setImmediate(() => {
      if (!this.#released && !this.#notice()) this.#events?.room();
    });
  }

  finish(): void {
    this.#writer.finish();
  }

  release(): void {
    if (this.#released) return;
    this.awaitRoom(false);
    this.#released = true;
    this.#line.release();
  }

  #stopWaiting(): void {
    this.#waiting = false;
    this.#writer.stopAwaiting();
    this.#line.unref();
  }

  /** Whether sending is over, because nobody reads. */
  #notice(): boolean {
    if (!this.#failed && (this.#line.ended || this.#writer.isAbandoned)) {
      this.#fail(peerGoneError(this.#writer.isAbandoned ? 'the peer has closed the channel' : undefined));
    }
    return this.#failed;
  }

  #fail(error: unknown): void {
    if (!isIpcError(error)) throw error;
    this.#failed = true;
    this.#events?.fail(error);
  }
}

export class RingReceivePort implements ReceivePort {
  readonly #reader: RingReader;
  readonly #line: WakeLine;
  readonly #spin: Spin;
  readonly #look: () => boolean;
  readonly #beforeIdle: () => void;
  #lent: LentCopy | undefined;
  #damage: IpcError | undefined;
  #end: End | undefined;
  #events: ReceiveEvents | undefined;
  #awaited = false;
  #asleep = false;
  #spinsThisTurn = 0;
  #released = false;

  /** @param beforeIdle - Called whenever nothing was found, and before waiting. */
  constructor(reader: RingReader, memory: RingMemory, line: WakeLine, spin: Spin, beforeIdle: () => void) {
    this.#reader = reader;
    this.#lent = new LentCopy(memory);
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

  attach(events: ReceiveEvents): void {
    this.#events = events;
    this.#line.listen(() => {
      if (this.#released) return;
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
    const lent = this.#lent;
    this.#lent = undefined; // a handler that drains must not overwrite what it was lent
    try {
      this.#reader.drain((bytes, offset, length) => {
        count++;
        handler(lent?.lend(offset, length) ?? view(bytes, offset, length));
        handled++;
      }, limit);
    } catch (error) {
      if (handled < count) throw error; // the handler's own, whatever it says
      this.#damaged(error);
    } finally {
      this.#lent = lent;
    }
    if (count === 0) this.#beforeIdle();
    return count;
  }

  awaitMessage(on: boolean): void {
    if (this.#released || on === this.#awaited) return;
    this.#awaited = on;
    if (!on) this.#wakeUp();
    // Not at once: what the caller does next, such as sending what it awaits the answer to, comes first.
    else queueMicrotask(() => {
      this.#sleep();
    }); // prettier-ignore
  }

  release(): void {
    if (this.#released) return;
    this.awaitMessage(false);
    this.#released = true;
    this.#reader.finish();
    this.#line.release();
  }

  /** Spins; then sleeps until the line rings, unless a message came meanwhile. */
  #sleep(): void {
    if (!this.#awaited || this.#asleep || this.#released) return;
    this.#beforeIdle();
    try {
      if (this.#line.ended) {
        this.#reportSoon();
      } else if (this.#spin.until(this.#look)) {
        if (++this.#spinsThisTurn < spinsPerTurn) this.#report();
        else this.#reportSoon();
      } else if (this.#reader.sleep()) {
        this.#asleep = true;
        this.#spinsThisTurn = 0;
        this.#line.ref();
      } else {
        this.#reportSoon();
      }
    } catch (error) {
      this.#damaged(error);
      this.#reportSoon();
    }
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
