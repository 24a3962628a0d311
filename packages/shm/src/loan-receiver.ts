import { closedError } from '@ipc/core';
import { LoanLeaks } from './loan-leaks.ts';
import { Borrowed, type Lender } from './loan.ts';
import { Participant } from './participant.ts';
import { POSITION, READER, WRITER } from './participants-layout.ts';
import { HEAD, poolKind, SLEEPING_PUBLISHER, SLEEPING_RECEIVERS } from './pool-layout.ts';
import { PoolMemory } from './pool-memory.ts';
import { Region } from './region.ts';
import { wakeAll } from './sleepers.ts';
import { TakeWait } from './take-wait.ts';
import type { BlockingSource, BlockingWait } from './wait-any-sync.ts';

export interface BorrowOptions {
  /** Longest spin before sleeping, in microseconds. @default 50 */
  readonly spinUs?: number | undefined;
  /** As for the publisher. @default false */
  readonly diagnose?: boolean | undefined;
}

/**
 * An end of a pool that reads messages where they were written. Every receiver gets every message that is published while it is there;
 * what is published while there is none waits for the first that comes.
 */
export class LoanReceiver implements BlockingSource, Disposable {
  readonly chunkBytes: number;
  readonly #memory: PoolMemory;
  readonly #participant: Participant;
  readonly #words: Int32Array;
  readonly #leaks: LoanLeaks | undefined;
  readonly #lender: Lender;
  readonly #wait: TakeWait<Borrowed>;
  readonly #bit: number;
  /** Chunks that had waited for this receiver to come. */
  readonly #waiting: number[];
  #tail: number;
  #head: number;

  private constructor(
    memory: PoolMemory,
    participant: Participant,
    start: number,
    { spinUs = 50 }: BorrowOptions,
    leaks: LoanLeaks | undefined,
  ) {
    this.chunkBytes = memory.geometry.chunkBytes;
    this.#memory = memory;
    this.#participant = participant;
    this.#words = memory.words;
    this.#leaks = leaks;
    this.#bit = 1 << participant.number;
    this.#tail = this.#head = start;
    participant.ring(); // a publisher that sleeps must hear of the death of whoever takes over what waits
    this.#waiting = memory.subscribe(this.#bit, start);
    this.#note();
    this.#lender = {
      giveBack: (chunk, _, token) => {
        if (token !== undefined) this.#leaks?.ended(token);
        if (!memory.region.isOpen || !memory.release(chunk, this.#bit)) return;
        wakeAll(memory.words, SLEEPING_PUBLISHER, WRITER, participant);
      },
    };
    this.#wait = new TakeWait(
      'pool',
      memory.region,
      SLEEPING_RECEIVERS,
      participant,
      spinUs,
      () => this.#isReady(),
      () => this.#borrow(),
    );
  }

  /**
   * Opens a pool for receiving.
   *
   * @throws {IpcError} ERR_IPC_NOT_FOUND when no publisher has created it; ERR_IPC_LIMIT when it has its number of participants; as `Region.open`.
   */
  static open(name: string, options: BorrowOptions = {}): LoanReceiver {
    const region = Region.open(name, { kind: poolKind });
    let participant: Participant | undefined;
    try {
      const memory = new PoolMemory(region);
      const start = Atomics.load(region.words, HEAD);
      // Until it has looked, everything that holds its bit is unread.
      participant = Participant.join(memory, READER, (start - 2 ** 30) | 0);
      const leaks =
        options.diagnose === true ? new LoanLeaks(`a message borrowed from "${name}"`) : undefined;
      return new LoanReceiver(memory, participant, start, options, leaks);
    } catch (error) {
      participant?.leave();
      region.close();
      throw error;
    }
  }

  /**
   * The next message, where it lies; `undefined` when there is none. Release it: the publisher waits for the chunk.
   *
   * @throws {IpcError} ERR_IPC_CORRUPT; ERR_IPC_CLOSED. Cost: one small object, no copy, no system call.
   */
  tryBorrow(): Borrowed | undefined {
    if (!this.#memory.region.isOpen) throw closedError('pool');
    return this.#wait.isIdle ? this.#borrow() : undefined;
  }

  /** The next message, as soon as there is one. @throws {IpcError} As `tryBorrow`. An abort rejects with `signal.reason`. */
  borrow({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Borrowed> {
    return this.#wait.wait(signal);
  }

  /** As `borrow`, blocking this thread. @param timeoutMs - -1 waits for ever. @returns `undefined` when the time is over. Source: poll(2). */
  borrowSync({ timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {}): Borrowed | undefined {
    return this.#wait.block(timeoutMs);
  }

  /**
   * Resolves when there is a message, and takes none: for `waitAny`. Damage makes it ready too; borrowing tells.
   *
   * @throws {IpcError} ERR_IPC_CLOSED. An abort rejects with `signal.reason`.
   */
  ready({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return this.#wait.ready(signal);
  }

  /** @internal For `waitAnySync`. */
  blockingWait(): BlockingWait {
    if (!this.#memory.region.isOpen) throw closedError('pool');
    return this.#wait;
  }

  /** What is borrowed goes back. What is not stays for the next receiver, if this was the only one. Idempotent. */
  close(): void {
    if (!this.#memory.region.isOpen) return;
    this.#leaks?.close();
    this.#wait.close();
    this.#memory.repair(this.#participant.number, this.#participant.line);
    this.#participant.leave();
    this.#memory.region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #borrow(): Borrowed | undefined {
    const chunk = this.#waiting.length > 0 ? this.#waiting.shift() : this.#take();
    if (chunk === undefined) return undefined;
    this.#note();
    const length = this.#memory.lengthOf(chunk);
    if (this.#leaks === undefined) return new Borrowed(this.#lender, chunk, this.#memory.view(chunk), length);
    const borrowed = new Borrowed(this.#lender, chunk, this.#memory.mapping(chunk), length);
    borrowed.token = this.#leaks.taken(borrowed);
    return borrowed;
  }

  #take(): number | undefined {
    if (!this.#seek()) return undefined;
    const chunk = this.#memory.chunkOf(this.#tail);
    this.#tail = (this.#tail + 1) | 0;
    return chunk;
  }

  /** Goes to the next message that is meant for this receiver. @throws {IpcError} ERR_IPC_CORRUPT. */
  #seek(): boolean {
    const memory = this.#memory;
    const { places } = memory.geometry;
    for (let looked = 0; looked <= places; looked++) {
      if (this.#tail === this.#head) {
        this.#head = Atomics.load(this.#words, HEAD);
        const count = (this.#head - this.#tail) | 0;
        if (count === 0) return false;
        if (count < 0) throw memory.damaged(`${-count} messages have been taken back`);
        // So many only while none of them was meant for this receiver, which was about to come.
        if (count > places) this.#tail = (this.#head - places) | 0;
      }
      if (memory.isHeld(memory.chunkOf(this.#tail), this.#bit, this.#tail)) return true;
      this.#tail = (this.#tail + 1) | 0;
    }
    return false;
  }

  #isReady(): boolean {
    try {
      return this.#waiting.length > 0 || this.#seek();
    } catch {
      return true; // borrowing will tell
    }
  }

  /** Tells in the own line what was not borrowed yet. */
  #note(): void {
    const waiting = this.#waiting.length > 0 ? this.#waiting[0] : undefined;
    const position = waiting === undefined ? this.#tail : this.#memory.sequenceOf(waiting);
    Atomics.store(this.#words, this.#participant.line + POSITION, position);
  }
}
