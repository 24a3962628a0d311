import { closedError } from '@ipc/core';
import { futexWait } from '@ipc/native';
import { LoanLeaks } from './loan-leaks.ts';
import { Borrowed, type Lender } from './loan.ts';
import {
  borrowedBy,
  GENERATION,
  FREE,
  HEAD,
  LOANED,
  poolKind,
  RECEIVER_LOCK_BYTE,
  SLEEPERS,
  STATES,
  TAIL,
} from './pool-layout.ts';
import { PoolMemory } from './pool-memory.ts';
import { Region } from './region.ts';

export interface BorrowOptions {
  /** As for the publisher. @default false */
  readonly diagnose?: boolean | undefined;
}

/** The end of a pool that reads messages where they were written. */
export class LoanReceiver implements Disposable {
  readonly chunkBytes: number;
  readonly #memory: PoolMemory;
  readonly #words: Int32Array;
  readonly #leaks: LoanLeaks | undefined;
  readonly #lender: Lender;
  /** The state of a chunk that this receiver has. */
  readonly #borrowed: number;
  #tail: number;
  #head: number;

  private constructor(memory: PoolMemory, leaks: LoanLeaks | undefined) {
    this.chunkBytes = memory.geometry.chunkBytes;
    this.#memory = memory;
    this.#words = memory.words;
    this.#leaks = leaks;
    memory.takeRole(RECEIVER_LOCK_BYTE, 'receiver');
    this.#borrowed = borrowedBy(Atomics.add(memory.words, GENERATION, 1) + 1);
    memory.freeBorrowedBut(this.#borrowed);
    this.#tail = this.#head = Atomics.load(memory.words, TAIL);
    this.#lender = {
      giveBack: (chunk, _, token) => {
        if (token !== undefined) this.#leaks?.ended(token);
        if (memory.region.isOpen) Atomics.store(memory.words, STATES + chunk, FREE);
      },
    };
  }

  /**
   * Opens a pool for receiving. It starts with what nobody has borrowed yet.
   *
   * @throws {IpcError} ERR_IPC_NOT_FOUND when no publisher has created it; ERR_IPC_EXISTS while it has a living receiver; as `Region.open`.
   */
  static open(name: string, options: BorrowOptions = {}): LoanReceiver {
    const region = Region.open(name, { kind: poolKind });
    try {
      const leaks =
        options.diagnose === true ? new LoanLeaks(`a message borrowed from "${name}"`) : undefined;
      return new LoanReceiver(new PoolMemory(region), leaks);
    } catch (error) {
      region.close();
      throw error;
    }
  }

  /**
   * The next message, where it lies; `undefined` when there is none. Release it: the publisher waits for the chunk.
   *
   * @throws {IpcError} ERR_IPC_CORRUPT; ERR_IPC_CLOSED. Cost: one small object, no copy, no system call.
   */
  borrow(): Borrowed | undefined {
    if (!this.#memory.region.isOpen) throw closedError('pool');
    if (this.#tail === this.#head && !this.#look()) return undefined;
    const { geometry } = this.#memory;
    const place = geometry.ring + 2 * (this.#tail & (geometry.places - 1));
    const chunk = (this.#words[place] as number) >>> 0;
    const length = (this.#words[place + 1] as number) >>> 0;
    if (chunk >= geometry.chunks || length > geometry.chunkBytes) {
      throw this.#memory.damaged(`${length} bytes in chunk ${chunk}`);
    }
    if (Atomics.compareExchange(this.#words, STATES + chunk, LOANED, this.#borrowed) !== LOANED) {
      throw this.#memory.damaged(`chunk ${chunk} was published twice`);
    }
    this.#tail = (this.#tail + 1) | 0;
    Atomics.store(this.#words, TAIL, this.#tail);
    if (this.#leaks === undefined) return new Borrowed(this.#lender, chunk, this.#memory.view(chunk), length);
    const borrowed = new Borrowed(this.#lender, chunk, this.#memory.mapping(chunk), length);
    borrowed.token = this.#leaks.taken(borrowed);
    return borrowed;
  }

  /**
   * Blocks this thread until there is a message.
   *
   * @param timeoutMs - -1 waits for ever. @returns False when the time is over. @throws {IpcError} As `borrow`. Source: futex(2).
   */
  waitSync({ timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {}): boolean {
    const deadline = performance.now() + timeoutMs;
    Atomics.add(this.#words, SLEEPERS, 1);
    try {
      while (!this.#look()) {
        const left = timeoutMs < 0 ? -1 : Math.max(0, deadline - performance.now());
        if (futexWait(this.#words, HEAD, this.#tail, left) === 'timed-out') return this.#look();
      }
      return true;
    } finally {
      Atomics.sub(this.#words, SLEEPERS, 1);
    }
  }

  /** What is borrowed goes back; what is not stays for the next receiver. Idempotent. */
  close(): void {
    if (!this.#memory.region.isOpen) return;
    this.#leaks?.close();
    try {
      this.#memory.freeBorrowedBut(undefined);
    } finally {
      this.#memory.region.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #look(): boolean {
    if (this.#memory.published() === 0) return false;
    this.#head = Atomics.load(this.#words, HEAD);
    return true;
  }
}
