import { isIpcError, peerGoneError, unzeroed, type SendEvents, type SendPort } from '@ipc/core';
import { view } from './owned-copy.ts';
import type { RingWriter } from './ring-writer.ts';
import type { WakeLine } from './wake-line.ts';

/**
 * So many bytes are published at once; fewer, when this turn's callbacks have run. A store to the head costs a transfer
 * of its cache line from the reader's core, as much as several small messages.
 */
const publishBytes = 4 << 10;

/** A ring's writing end as a port of a channel: what cannot go on at once sleeps until the wake line rings. */
export class RingSendPort implements SendPort {
  readonly maxMessageBytes: number;
  readonly #writer: RingWriter;
  readonly #line: WakeLine;
  /** A longer message goes in pieces: as one record it would need a ring that is nearly empty. */
  readonly #recordMaxBytes: number;
  /** What is left of a message in pieces that has been accepted, in memory of its own. */
  #rest: Uint8Array | undefined;
  #restSent = 0;
  #events: SendEvents | undefined;
  #wanted = false;
  #waiting = false;
  #publishScheduled = false;
  #failed = false;
  #released = false;

  constructor(writer: RingWriter, line: WakeLine, maxMessageBytes: number) {
    this.#writer = writer;
    this.#line = line;
    this.#recordMaxBytes = writer.capacityBytes >>> 2;
    this.maxMessageBytes = maxMessageBytes;
  }

  attach(events: SendEvents): void {
    this.#events = events;
    this.#line.listen(() => {
      if (this.#released || this.#notice() || !this.#waiting) return;
      this.#stopWaiting();
      this.#onRoom();
    });
  }

  push(message: Uint8Array): boolean {
    if (this.#failed || this.#rest !== undefined) return false;
    try {
      return message.length <= this.#recordMaxBytes ? this.#writer.push(message) : this.#pushLarge(message);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  pushMany(messages: readonly Uint8Array[], from: number, to: number): number {
    let next = from;
    while (next < to && !this.#failed && this.#rest === undefined) {
      try {
        next += this.#writer.pushMany(messages, next, to, this.#recordMaxBytes);
      } catch (error) {
        this.#fail(error);
        break;
      }
      if (next === to) break;
      const message = messages[next] as Uint8Array;
      if (message.length <= this.#recordMaxBytes || !this.push(message)) break; // no room
      next++;
    }
    return next - from;
  }

  /** What is published is in shared memory, which outlives this process. */
  get pendingBytes(): number {
    if (this.#released) return 0;
    const rest = this.#rest === undefined ? 0 : this.#rest.length - this.#restSent;
    return this.#writer.unpublishedBytes + rest;
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
    if (this.#released || on === this.#wanted) return;
    this.#wanted = on;
    this.#arm();
  }

  end(): void {
    this.#writer.end();
  }

  finish(): void {
    this.#writer.finish();
  }

  release(): void {
    if (this.#released) return;
    this.#rest = undefined;
    this.awaitRoom(false);
    this.#arm();
    this.#released = true;
    this.#line.release();
  }

  /** The message goes as far as there is room, and what is left is copied: the caller's buffer is the caller's again. */
  #pushLarge(message: Uint8Array): boolean {
    if (!this.#writer.pushBegin(message.length)) return false;
    const sent = this.#pushPieces(message, 0);
    if (sent < message.length) {
      this.#rest = unzeroed(message.length - sent);
      this.#rest.set(view(message, sent, message.length - sent));
      this.#restSent = 0;
      this.#arm();
    }
    return true;
  }

  /** Pushes pieces from index `from` on while there is room; returns how far it got. */
  #pushPieces(message: Uint8Array, from: number): number {
    let next = from;
    for (let length = -1; length !== 0 && next < message.length; next += length) {
      length = this.#writer.pushPiece(message, next);
      this.#writer.publish(); // the reader takes it out while the next one is put in
    }
    return next;
  }

  /** Asks for a wake-up if anything waits for room; takes the wish back otherwise. */
  #arm(): void {
    const wanted = this.#wanted || this.#rest !== undefined;
    if (wanted === this.#waiting) return;
    if (!wanted) {
      this.#stopWaiting();
      return;
    }
    this.#line.ref();
    try {
      this.#waiting = !this.#line.ended && this.#writer.awaitRoom();
    } catch (error) {
      this.#fail(error);
      return;
    } finally {
      if (!this.#waiting) this.#line.unref();
    }
    if (this.#waiting) return;
    setImmediate(() => {
      if (!this.#released && !this.#notice()) this.#onRoom();
    });
  }

  #onRoom(): void {
    if (this.#rest !== undefined) {
      try {
        this.#restSent = this.#pushPieces(this.#rest, this.#restSent);
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (this.#restSent < this.#rest.length) {
        this.#arm();
        return;
      }
      this.#rest = undefined;
    }
    this.#wanted = false;
    this.#arm();
    this.#events?.room();
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
