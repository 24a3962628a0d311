import { closedError, IpcError } from '@ipc/core';
import { LoanLeaks } from './loan-leaks.ts';
import { Loan, type Lender } from './loan.ts';
import { Participant } from './participant.ts';
import { READER, WRITER } from './participants-layout.ts';
import {
  CHUNK_BYTES,
  CHUNKS,
  HEAD,
  PARTICIPANTS,
  poolGeometry,
  poolKind,
  SLEEPING_PUBLISHER,
  SLEEPING_RECEIVERS,
} from './pool-layout.ts';
import { PoolMemory } from './pool-memory.ts';
import { Region, type NamedRegionOptions } from './region.ts';
import { wakeAll } from './sleepers.ts';
import { TakeWait } from './take-wait.ts';

export interface LoanOptions extends Pick<NamedRegionOptions, 'mode' | 'group' | 'lifetime'> {
  /** Largest message. */
  readonly chunkBytes: number;
  /** Most messages that are out at the same time: being written, on their way, being read. */
  readonly chunks: number;
  /** How many may take part at once, the publisher and its receivers: 2..31. @default 16 */
  readonly participants?: number | undefined;
  /** Longest spin for a free chunk before sleeping, in microseconds. @default 50 */
  readonly spinUs?: number | undefined;
  /** Ends views with their loan, and warns of loans that are never given back, with the stack that took them. Slow: for finding bugs. @default false */
  readonly diagnose?: boolean | undefined;
}

/** The end of a pool that fills chunks and hands them over to all receivers, whatever their size, without copying. */
export class LoanPublisher implements Disposable {
  readonly chunkBytes: number;
  readonly chunks: number;
  readonly #memory: PoolMemory;
  readonly #participant: Participant;
  readonly #leaks: LoanLeaks | undefined;
  readonly #lender: Lender;
  readonly #wait: TakeWait<Loan>;
  /** Which chunks are on loan: a free chunk is nobody's as far as the memory says. */
  readonly #loaned: Uint8Array;
  #head: number;
  #next = 0;

  private constructor(
    memory: PoolMemory,
    participant: Participant,
    spinUs: number,
    leaks: LoanLeaks | undefined,
  ) {
    this.chunkBytes = memory.geometry.chunkBytes;
    this.chunks = memory.geometry.chunks;
    this.#memory = memory;
    this.#participant = participant;
    this.#leaks = leaks;
    this.#loaned = new Uint8Array(this.chunks);
    memory.freeUnpublished();
    this.#head = Atomics.load(memory.words, HEAD);
    this.#lender = {
      giveBack: (chunk, published, token) => {
        this.#giveBack(chunk, published, token);
      },
    };
    this.#wait = new TakeWait(
      'pool',
      memory.region,
      SLEEPING_PUBLISHER,
      participant,
      spinUs,
      () => this.#findFree() >= 0,
      () => this.#lend(),
    );
  }

  /**
   * Opens the pool of this name for publishing, or creates it. What a publisher that died has published is still received.
   *
   * @throws {RangeError} `chunkBytes` not in 1..2^30, `chunks` not in 1..65536, `participants` not in 2..31.
   * @throws {IpcError} ERR_IPC_EXISTS while it has a living publisher; ERR_IPC_MISMATCH when it has other chunks; ERR_IPC_LIMIT when
   *   it has its number of participants; as `Region.openOrCreate`.
   */
  static open(name: string, options: LoanOptions): LoanPublisher {
    const { chunks, chunkBytes, participants = 16 } = options;
    const { bytes } = poolGeometry({ chunks, chunkBytes, participants });
    const region = Region.openOrCreate(name, {
      ...options,
      kind: poolKind,
      bytes,
      initialise: ({ words }) => {
        words[CHUNKS] = chunks;
        words[CHUNK_BYTES] = chunkBytes;
        words[PARTICIPANTS] = participants;
      },
    });
    let participant: Participant | undefined;
    try {
      const memory = new PoolMemory(region);
      const { geometry: found } = memory;
      if (found.chunks !== chunks || found.chunkBytes !== chunkBytes || found.participants !== participants) {
        throw new IpcError(
          'ERR_IPC_MISMATCH',
          `pool "${name}" has ${found.chunks} chunks of ${found.chunkBytes} bytes and ${found.participants} participants, expected ${chunks} of ${chunkBytes} and ${participants}`,
          { name },
        );
      }
      participant = Participant.join(memory, WRITER, 0);
      if (!participant.lock(region.offset + HEAD * 4)) {
        throw new IpcError('ERR_IPC_EXISTS', `pool "${name}" has a publisher`, { name });
      }
      const leaks = options.diagnose === true ? new LoanLeaks(`a loan of "${name}"`) : undefined;
      return new LoanPublisher(memory, participant, options.spinUs ?? 50, leaks);
    } catch (error) {
      participant?.leave();
      region.close();
      throw error;
    }
  }

  /** How many receivers there are. Cost: a system call for each. @throws {IpcError} ERR_IPC_CLOSED. */
  get receivers(): number {
    this.#check();
    let count = 0;
    this.#participant.others(READER, (_line, number) => {
      if (!this.#participant.bury(number)) count++;
    });
    return count;
  }

  /**
   * Lends a free chunk, to be written in place; `undefined` while all are out.
   *
   * Cost: one small object; when all are out, a look at every chunk and a system call per receiver, to find what the dead had.
   * @throws {IpcError} ERR_IPC_CLOSED.
   */
  tryLoan(): Loan | undefined {
    this.#check();
    if (!this.#wait.isIdle) return undefined;
    const loan = this.#lend();
    if (loan !== undefined || this.receivers < 0) return loan; // to count them buries the dead
    return this.#lend();
  }

  /** Lends a free chunk as soon as there is one: given back, published and released by all, or held by somebody who died. @throws {IpcError} ERR_IPC_CLOSED. An abort rejects with `signal.reason`. */
  loan({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<Loan> {
    return this.#wait.wait(signal);
  }

  /** As `loan`, blocking this thread. @param timeoutMs - -1 waits for ever. @returns `undefined` when the time is over. Source: poll(2). */
  loanSync({ timeoutMs = -1 }: { readonly timeoutMs?: number | undefined } = {}): Loan | undefined {
    return this.#wait.block(timeoutMs);
  }

  /** Lets another publisher in. What was published stays. Idempotent. */
  close(): void {
    if (!this.#memory.region.isOpen) return;
    this.#leaks?.close();
    this.#wait.close();
    this.#participant.leave();
    this.#memory.region.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #check(): void {
    if (!this.#memory.region.isOpen) throw closedError('pool');
  }

  #lend(): Loan | undefined {
    const chunk = this.#findFree();
    if (chunk < 0) return undefined;
    this.#loaned[chunk] = 1;
    this.#next = chunk + 1 === this.chunks ? 0 : chunk + 1;
    if (this.#leaks === undefined) return new Loan(this.#lender, chunk, this.#memory.view(chunk));
    const loan = new Loan(this.#lender, chunk, this.#memory.mapping(chunk));
    loan.token = this.#leaks.taken(loan);
    return loan;
  }

  /** Chunks come back in the order they were taken, as a rule: the next one is free, or none is. */
  #findFree(): number {
    for (let looked = 0, chunk = this.#next; looked < this.chunks; looked++) {
      if (this.#loaned[chunk] === 0 && this.#memory.isFree(chunk)) return chunk;
      chunk = chunk + 1 === this.chunks ? 0 : chunk + 1;
    }
    return -1;
  }

  #giveBack(chunk: number, published: number | undefined, token: object | undefined): void {
    const { region, words } = this.#memory;
    if (!region.isOpen) {
      if (published !== undefined) throw closedError('pool');
      return;
    }
    if (token !== undefined) this.#leaks?.ended(token);
    if (published !== undefined) {
      this.#head = this.#memory.publish(chunk, published, this.#head);
      wakeAll(words, SLEEPING_RECEIVERS, READER, this.#participant);
    }
    this.#loaned[chunk] = 0;
    if (!this.#wait.isIdle) this.#wait.serve();
  }
}
