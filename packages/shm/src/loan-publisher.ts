import { closedError, IpcError } from '@ipc/core';
import { futexWake } from '@ipc/native';
import { LoanLeaks } from './loan-leaks.ts';
import { Loan, type Lender } from './loan.ts';
import {
  CHUNK_BYTES,
  CHUNKS,
  FREE,
  HEAD,
  LOANED,
  poolGeometry,
  poolKind,
  PUBLISHER_LOCK_BYTE,
  SLEEPERS,
  STATES,
} from './pool-layout.ts';
import { PoolMemory } from './pool-memory.ts';
import { Region, type NamedRegionOptions } from './region.ts';

export interface LoanOptions extends Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime'> {
  /** Largest message. */
  readonly chunkBytes: number;
  /** Most messages that are out at the same time: being written, on their way, being read. */
  readonly chunks: number;
  /** Ends views with their loan, and warns of loans that are never given back, with the stack that took them. Slow: for finding bugs. @default false */
  readonly diagnose?: boolean | undefined;
}

/** The end of a pool that fills chunks and hands them over, whatever their size, without copying. */
export class LoanPublisher implements Disposable {
  readonly chunkBytes: number;
  readonly chunks: number;
  readonly #memory: PoolMemory;
  readonly #words: Int32Array;
  readonly #leaks: LoanLeaks | undefined;
  readonly #lender: Lender;
  #head: number;
  #next = 0;

  private constructor(memory: PoolMemory, leaks: LoanLeaks | undefined) {
    this.chunkBytes = memory.geometry.chunkBytes;
    this.chunks = memory.geometry.chunks;
    this.#memory = memory;
    this.#words = memory.words;
    this.#leaks = leaks;
    memory.takeRole(PUBLISHER_LOCK_BYTE, 'publisher');
    memory.freeLoaned();
    this.#head = Atomics.load(memory.words, HEAD);
    this.#lender = {
      giveBack: (chunk, published, token) => {
        this.#giveBack(chunk, published, token);
      },
    };
  }

  /**
   * Opens the pool of this name for publishing, or creates it. What a publisher that died has published is still received.
   *
   * @throws {RangeError} `chunkBytes` not in 1..2^30, `chunks` not in 1..65536.
   * @throws {IpcError} ERR_IPC_EXISTS while it has a living publisher; ERR_IPC_MISMATCH when it has other chunks; as `Region.openOrCreate`.
   */
  static open(name: string, options: LoanOptions): LoanPublisher {
    const { chunks, chunkBytes, bytes } = poolGeometry(options.chunks, options.chunkBytes);
    const region = Region.openOrCreate(name, {
      ...options,
      kind: poolKind,
      bytes,
      initialise: ({ words }) => {
        words[CHUNKS] = chunks;
        words[CHUNK_BYTES] = chunkBytes;
      },
    });
    try {
      const memory = new PoolMemory(region);
      const { geometry: found } = memory;
      if (found.chunks !== chunks || found.chunkBytes !== chunkBytes) {
        throw new IpcError(
          'ERR_IPC_MISMATCH',
          `pool "${name}" has ${found.chunks} chunks of ${found.chunkBytes} bytes, expected ${chunks} of ${chunkBytes}`,
          { name },
        );
      }
      return new LoanPublisher(
        memory,
        options.diagnose === true ? new LoanLeaks(`a loan of "${name}"`) : undefined,
      );
    } catch (error) {
      region.close();
      throw error;
    }
  }

  /**
   * Lends a free chunk, to be written in place; `undefined` while all are out.
   *
   * Cost: one small object; when all are out, a look at every chunk and a system call, to find what a dead receiver had.
   * @throws {IpcError} ERR_IPC_CLOSED.
   */
  loan(): Loan | undefined {
    if (!this.#memory.region.isOpen) throw closedError('pool');
    let chunk = this.#findFree();
    if (chunk < 0) {
      this.#memory.freeBorrowed();
      chunk = this.#findFree();
      if (chunk < 0) return undefined;
    }
    Atomics.store(this.#words, STATES + chunk, LOANED);
    if (this.#leaks === undefined) return new Loan(this.#lender, chunk, this.#memory.view(chunk));
    const loan = new Loan(this.#lender, chunk, this.#memory.mapping(chunk));
    loan.token = this.#leaks.taken(loan);
    return loan;
  }

  /** Lets another publisher in. What was published stays. Idempotent. */
  close(): void {
    if (!this.#memory.region.isOpen) return;
    this.#leaks?.close();
    this.#memory.region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Chunks come back in the order they were taken, as a rule: the next one is free, or none is. */
  #findFree(): number {
    for (let looked = 0; looked < this.chunks; looked++) {
      const chunk = this.#next;
      this.#next = chunk + 1 === this.chunks ? 0 : chunk + 1;
      if (Atomics.load(this.#words, STATES + chunk) === FREE) return chunk;
    }
    return -1;
  }

  #giveBack(chunk: number, published: number | undefined, token: object | undefined): void {
    const { region, geometry } = this.#memory;
    if (!region.isOpen) {
      if (published !== undefined) throw closedError('pool');
      return; // the next publisher frees it
    }
    if (token !== undefined) this.#leaks?.ended(token);
    const words = this.#words;
    if (published === undefined) {
      Atomics.store(words, STATES + chunk, FREE);
      return;
    }
    const place = geometry.ring + 2 * (this.#head & (geometry.places - 1));
    words[place] = chunk;
    words[place + 1] = published;
    this.#head = (this.#head + 1) | 0;
    Atomics.exchange(words, HEAD, this.#head);
    if (Atomics.load(words, SLEEPERS) !== 0) futexWake(words, HEAD, 1);
  }
}
