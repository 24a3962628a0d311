import { closedError, isIpcError, SendHalf, type SendEvents, type SendPort } from '@ipc/core';
import { Participant } from './participant.ts';
import { POSITION, READER, WRITER } from './participants-layout.ts';
import { SlotMemory, type SlotOptions } from './slot-memory.ts';
import { SlotSleep } from './slot-sleep.ts';
import { JOINED, SLEEPING_READERS, SLEEPING_WRITERS, TAIL } from './slots-layout.ts';

export const broadcastKind = 'broadcast';

/** What happens to a message that a subscriber has not read when its slot is needed. The values are in the memory. */
export const overflows = { lap: 0, wait: 1 } as const;

export interface BroadcastOptions extends SlotOptions {
  /**
   * `lap`: the oldest messages make way, and a subscriber that had not read them is told how many. `wait`: publishers
   * wait until every living subscriber has read them.
   */
  readonly overflow: keyof typeof overflows;
}

/**
 * A publishing end of a broadcast. Any number of them, in any processes, up to `participants`.
 *
 * Every subscriber gets every message published while it is there, all in the same order. A publisher killed at any
 * instant holds nobody up: what it had not finished was never sent. One that is stopped just then holds up the
 * subscribers at its message, and the publishers a lap later.
 *
 * Sending costs one copy, whatever the number of subscribers, two compareExchanges and a store; a system call only when somebody
 * sleeps. With `overflow: 'lap'` nothing ever waits for a subscriber, and `send` and `trySend` just succeed.
 * Thread: the one that opened it.
 */
export class Publisher extends SendHalf {
  readonly maxMessageBytes: number;
  readonly #port: PublishPort;

  private constructor(port: PublishPort) {
    super(port);
    this.#port = port;
    this.maxMessageBytes = port.maxMessageBytes;
  }

  /**
   * Opens the broadcast of this name, or creates it.
   *
   * @throws {RangeError} An option out of range. @throws {IpcError} ERR_IPC_MISMATCH when it exists with other options;
   *   ERR_IPC_LIMIT when it has its number of participants; and as `Region.openOrCreate`.
   */
  static open(name: string, options: BroadcastOptions): Publisher {
    if (!Object.hasOwn(overflows, options.overflow)) {
      throw new TypeError(`overflow must be 'lap' or 'wait', got ${JSON.stringify(options.overflow)}`);
    }
    const memory = SlotMemory.openOrCreate(name, broadcastKind, overflows[options.overflow], options);
    try {
      return new Publisher(new PublishPort(memory, Participant.join(memory, WRITER, 0)));
    } catch (error) {
      memory.region.close();
      throw error;
    }
  }

  /** How many subscribers there are. Cost: a system call for each. @throws {IpcError} ERR_IPC_CLOSED. */
  get subscribers(): number {
    return this.#port.countSubscribers();
  }

  /**
   * Sends, blocking this thread while there is no room.
   *
   * @param timeoutMs - -1 waits for ever. @returns False when the time is over: nothing was sent.
   * @throws {IpcError} As `send`. Source: poll(2).
   */
  sendSync(
    message: Uint8Array,
    { timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {},
  ): boolean {
    const deadline = performance.now() + timeoutMs;
    while (!this.trySend(message)) {
      const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - performance.now());
      if (!this.#port.block(left)) return false;
    }
    return true;
  }
}

class PublishPort implements SendPort {
  readonly maxMessageBytes: number;
  /** What is pushed is in shared memory, which outlives this process. */
  readonly pendingBytes = 0;
  readonly #memory: SlotMemory;
  readonly #participant: Participant;
  readonly #waits: boolean;
  readonly #sleep: SlotSleep;
  /** The first message that must not be claimed before looking at the subscribers again, as of when `#joined` had joined. */
  #limit: number;
  #joined: number;
  #events: SendEvents | undefined;
  #failed = false;
  #released = false;

  constructor(memory: SlotMemory, participant: Participant) {
    this.maxMessageBytes = memory.maxMessageBytes;
    this.#memory = memory;
    this.#participant = participant;
    this.#waits = memory.mode === overflows.wait;
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
        const slot = this.#memory.claim(number, true, this.#waits ? this.#currentLimit() : undefined);
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
    if (!this.#waits) this.#memory.wake(SLEEPING_WRITERS, WRITER, this.#participant);
  }

  awaitRoom(on: boolean): void {
    if (this.#released) return;
    if (!on) this.#sleep.stop();
    else this.#sleep.start(() => this.#events?.room());
  }

  block(timeoutMs: number): boolean {
    if (this.#released) throw closedError('publisher');
    return this.#sleep.block(timeoutMs);
  }

  finish(): void {
    // Subscribers go on: the next publisher may come at any time.
  }

  release(): void {
    if (this.#released) return;
    this.#sleep.stop();
    this.#released = true;
    this.#participant.leave();
    this.#memory.region.close();
  }

  countSubscribers(): number {
    if (this.#released) throw closedError('publisher');
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

  /** Looks where the subscribers are: what the slowest has not read must stay. */
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
    return this.#memory.isClaimable(tail) || this.#memory.unblock(tail, this.#participant);
  }
}
