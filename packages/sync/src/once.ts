import type { WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { areaBytes, DEFAULT_PARTICIPANTS, STATE } from './lock-layout.ts';
import { Mutex } from './mutex.ts';
import { openEmbedded, openNamed, type AreaContent, type LockOptions, type OpenArea } from './open-area.ts';

const content: AreaContent = { kind: 'once', flags: 0, limit: 0 };

/**
 * Work that is done once, by one of several processes; the others wait for it.
 *
 * Whoever is killed in it, or fails, has not done it: the next one does. The name stays until `unlink`, once it is done.
 */
export class Once implements Disposable {
  readonly #mutex: Mutex;
  readonly #words: Int32Array;
  readonly #done: number;

  private constructor(area: OpenArea, name: string | undefined) {
    const { words, base } = area.participant;
    this.#words = words;
    this.#done = base + STATE;
    this.#mutex = Mutex.over(area, name, (word) => word === 0 && Atomics.load(words, base + STATE) === 0);
  }

  /** Opens a named one, or makes it. @throws {IpcError} ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static openOrCreate(name: string, options: LockOptions = {}): Once {
    return new Once(openNamed('openOrCreate', name, content, options), name);
  }

  /** The one at `offset` of a region's payload; see `Mutex.in`. */
  static in(region: Region, offset: number, options: LockOptions = {}): Once {
    return new Once(openEmbedded(region, offset, content, options), undefined);
  }

  /** Bytes an embedded one takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it: it can then be done again. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, content.kind);
  }

  /** Whether it has been done. Cost: one atomic load. */
  get isDone(): boolean {
    return this.#look();
  }

  /**
   * Does `work` unless it has been done; waits while another does it.
   *
   * @returns Whether it was done here.
   * @throws What `work` throws; `signal.reason`, while waiting; ERR_IPC_CLOSED.
   */
  async run(work: () => unknown, options?: WaitOptions): Promise<boolean> {
    if (this.isDone) return false;
    const held = await this.#mutex.acquire(options);
    try {
      if (this.#look()) return false; // by somebody else, meanwhile
      await work();
      Atomics.store(this.#words, this.#done, 1);
      return true;
    } finally {
      held.release();
    }
  }

  /** As `run`, blocking the thread. */
  runSync(work: () => void): boolean {
    if (this.isDone) return false;
    const held = this.#mutex.acquireSync();
    try {
      if (this.#look()) return false; // by somebody else, meanwhile
      work();
      Atomics.store(this.#words, this.#done, 1);
      return true;
    } finally {
      held.release();
    }
  }

  /** Lets go. Idempotent. */
  close(): void {
    this.#mutex.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #look(): boolean {
    return !this.#mutex.isClosed && Atomics.load(this.#words, this.#done) !== 0;
  }
}
