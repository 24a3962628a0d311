import {
  closedError,
  isIpcError,
  type End,
  type ReceiveEvents,
  type ReceivePort,
  type Receiver,
} from '@ipc/core';
import { LentCopy } from './lent-copy.ts';
import { ownedCopy } from './owned-copy.ts';
import type { Participant } from './participant.ts';
import { maxAttempts, type SlotMemory } from './slot-memory.ts';
import { SlotSleep } from './slot-sleep.ts';
import { SLEEPING_READERS } from './slots-layout.ts';
import { Spin } from './spin.ts';

/** Makes a message out of `source.bytes[offset, offset + length)`. */
export type Copy = (source: SlotMemory, offset: number, length: number) => Uint8Array;

/** Looks at a message that somebody is writing before asking whether that one is dead: it costs a system call. */
const looksPerProof = 64;

/** The reading end of slots as a port; how it reads is up to the structure. */
export abstract class SlotReceivePort implements ReceivePort {
  end: End | undefined;
  protected readonly memory: SlotMemory;
  protected readonly participant: Participant;
  readonly #sleep: SlotSleep;
  readonly #spin: Spin;
  #lent: LentCopy | undefined;
  #blocked = 0;
  #events: ReceiveEvents | undefined;
  #awaited = false;
  #released = false;

  constructor(memory: SlotMemory, participant: Participant, spinUs: number) {
    this.memory = memory;
    this.participant = participant;
    this.#lent = new LentCopy(memory);
    this.#spin = new Spin(spinUs);
    this.#sleep = new SlotSleep(memory.words, SLEEPING_READERS, participant, () => this.hasMessage());
  }

  /** Whether `step` might find something. Whatever is wrong, it will tell. */
  protected abstract hasMessage(): boolean;

  /** Takes the next message, copied; or gets nearer to it; or finds none. @throws {IpcError} ERR_IPC_CORRUPT. */
  protected abstract step(copy: Copy): Uint8Array | 'none' | 'again';

  /** Whether a message that somebody has not finished is out of the way, because that one is dead. Asks once in a while. */
  protected unblocks(sequence: number): boolean {
    return (++this.#blocked & (looksPerProof - 1)) === 0 && this.memory.unblock(sequence, this.participant);
  }

  attach(events: ReceiveEvents): void {
    this.#events = events;
  }

  pull(): Uint8Array | undefined {
    return this.#take(ownedCopy);
  }

  drain(handler: (message: Uint8Array) => void, limit: number): number {
    const lent = this.#lent;
    this.#lent = undefined; // a handler that drains must not overwrite what it was lent
    const copy: Copy = (source, offset, length) =>
      lent?.lend(offset, length) ?? ownedCopy(source, offset, length);
    let count = 0;
    try {
      while (count < limit) {
        const message = this.#take(copy);
        if (message === undefined) break;
        count++;
        handler(message);
      }
    } finally {
      this.#lent = lent;
    }
    return count;
  }

  awaitMessage(on: boolean): void {
    if (this.#released || on === this.#awaited) return;
    this.#awaited = on;
    if (!on) this.#sleep.stop();
    // Not at once: what the caller does next, such as sending, comes first.
    else queueMicrotask(() => {
      this.#fallAsleep();
    }); // prettier-ignore
  }

  block(timeoutMs: number): boolean {
    if (this.#released) throw closedError('receiver');
    return this.#spin.until(() => this.hasMessage()) || this.#sleep.block(timeoutMs);
  }

  release(): void {
    if (this.#released) return;
    this.awaitMessage(false);
    this.#released = true;
    this.participant.leave();
    this.memory.region.close();
  }

  #fallAsleep(): void {
    if (!this.#awaited || this.#released) return;
    const report = (): void => {
      if (!this.#awaited || this.#released) return;
      this.#awaited = false;
      this.#events?.ready();
    };
    if (this.end !== undefined || this.#spin.until(() => this.hasMessage())) setImmediate(report);
    else this.#sleep.start(report);
  }

  #take(copy: Copy): Uint8Array | undefined {
    if (this.end !== undefined || this.#released) return undefined;
    try {
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const found = this.step(copy);
        if (found === 'none') return undefined;
        if (found !== 'again') return found;
      }
      throw this.memory.damaged();
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_CORRUPT')) throw error;
      this.end = { error };
      return undefined;
    }
  }
}

/** Receives, blocking this thread until there is a message; `undefined` when the time is over first. */
export function receiveBlocking(
  receiver: Receiver,
  port: SlotReceivePort,
  timeoutMs: number,
): Uint8Array | undefined {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const message = receiver.tryReceive();
    if (message !== undefined) return message;
    if (port.end?.error !== undefined) throw port.end.error;
    const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - performance.now());
    if (!port.block(left)) return undefined;
  }
}
