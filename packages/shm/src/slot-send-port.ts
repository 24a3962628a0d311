import { closedError, isIpcError, type SendEvents, type Sender, type SendPort } from '@ipc/core';
import type { Participant } from './participant.ts';
import { POSITION, READER, WRITER } from './participants-layout.ts';
import type { SlotMemory } from './slot-memory.ts';
import { SlotSleep } from './slot-sleep.ts';
import { JOINED, SLEEPING_READERS, SLEEPING_WRITERS, TAIL } from './slots-layout.ts';

/** The writing end of slots as a port. */
export class SlotSendPort implements SendPort {
  readonly maxMessageBytes: number;
  /** What is pushed is in shared memory, which outlives this process. */
  readonly pendingBytes = 0;
  readonly #memory: SlotMemory;
  readonly #participant: Participant;
  readonly #overFull: boolean;
  readonly #waits: boolean;
  readonly #sleep: SlotSleep;
  /** The first message that must not be claimed before looking at the readers again, as of when `#joined` had joined. */
  #limit: number;
  #joined: number;
  #events: SendEvents | undefined;
  #failed = false;
  #released = false;

  /** @param overflow - What becomes of full slots: claimed over, claimed over once all living readers have read them, or they must be taken. */
  constructor(memory: SlotMemory, participant: Participant, overflow: 'lap' | 'wait' | 'take') {
    this.maxMessageBytes = memory.maxMessageBytes;
    this.#memory = memory;
    this.#participant = participant;
    this.#overFull = overflow !== 'take';
    this.#waits = overflow === 'wait';
    this.#joined = Atomics.load(memory.words, JOINED);
    this.#limit = Atomics.load(memory.words, TAIL);
    this.#sleep = new SlotSleep(
      memory.words,
      SLEEPING_WRITERS,
      participant,
      () => this.#hasRoom(),
      () => (Atomics.load(memory.words, TAIL) - memory.slots + 1) | 0,
    );
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#failed) return false;
    try {
      const { number } = this.#participant;
      do {
        const slot = this.#memory.claim(
          number,
          this.#overFull,
          this.#waits ? this.#currentLimit() : undefined,
        );
        if (slot === 0) continue;
        this.#memory.commit(slot, number, message);
        return true;
      } while (this.#makeRoom());
    } catch (error) {
      if (!isIpcError(error)) throw error;
      this.#failed = true;
      this.#events?.fail(error);
    }
    return false;
  }

  publish(): void {
    if (this.#released) return;
    this.#memory.wake(SLEEPING_READERS, READER, this.#participant);
    // One may wait for another that was late by a whole lap.
    if (this.#overFull && !this.#waits) this.#memory.wake(SLEEPING_WRITERS, WRITER, this.#participant);
  }

  awaitRoom(on: boolean): void {
    if (this.#released) return;
    if (!on) this.#sleep.stop();
    else this.#sleep.start(() => this.#events?.room());
  }

  block(timeoutMs: number): boolean {
    if (this.#released) throw closedError('sender');
    return this.#sleep.block(timeoutMs);
  }

  finish(): void {
    // Readers go on: the next writer may come at any time.
  }

  release(): void {
    if (this.#released) return;
    this.#sleep.stop();
    this.#released = true;
    this.#participant.leave();
    this.#memory.region.close();
  }

  countReaders(): number {
    if (this.#released) throw closedError('sender');
    let count = 0;
    this.#participant.others(READER, (_line, number) => {
      if (!this.#participant.bury(number)) count++;
    });
    return count;
  }

  #currentLimit(): number {
    const joined = Atomics.load(this.#memory.words, JOINED);
    if (joined !== this.#joined) this.#look(joined);
    return this.#limit;
  }

  /** Looks where the readers are: what the slowest has not read must stay. */
  #look(joined: number): void {
    const { words, slots } = this.#memory;
    this.#joined = joined;
    let slowest = Atomics.load(words, TAIL);
    this.#participant.others(READER, (line) => {
      const position = Atomics.load(words, line + POSITION);
      if (((position - slowest) | 0) < 0) slowest = position;
    });
    this.#limit = (slowest + slots) | 0;
  }

  /** Whether it is worth trying again; frees what the dead hold. */
  #makeRoom(): boolean {
    const { words, slots } = this.#memory;
    const tail = Atomics.load(words, TAIL);
    if (!this.#waits || ((this.#limit - tail) | 0) > 0) return this.#memory.unblock(tail, this.#participant);
    this.#look(Atomics.load(words, JOINED));
    if (((this.#limit - tail) | 0) > 0) return true;
    let buried = false;
    this.#participant.others(READER, (line, number) => {
      if (((tail - Atomics.load(words, line + POSITION)) | 0) >= slots)
        buried = this.#participant.bury(number) || buried;
    });
    return buried;
  }

  /** Whether the next message might be pushed. Whatever is wrong, pushing will tell. */
  #hasRoom(): boolean {
    const { words } = this.#memory;
    const tail = Atomics.load(words, TAIL);
    if (this.#waits) {
      this.#look(Atomics.load(words, JOINED));
      if (((this.#limit - tail) | 0) <= 0) return this.#makeRoom();
    }
    return this.#memory.isClaimable(tail, this.#overFull) || this.#memory.unblock(tail, this.#participant);
  }
}

/** Sends, blocking this thread while there is no room; false when the time is over first. */
export function sendBlocking(
  sender: Sender,
  port: SlotSendPort,
  message: Uint8Array,
  timeoutMs: number,
): boolean {
  const deadline = performance.now() + timeoutMs;
  while (!sender.trySend(message)) {
    const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - performance.now());
    if (!port.block(left)) return false;
  }
  return true;
}
