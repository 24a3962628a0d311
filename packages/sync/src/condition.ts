import type { WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import { CompoundLock } from './compound-lock.ts';
import type { Held } from './held.ts';
import { areaBytes, DEFAULT_PARTICIPANTS, STATE } from './lock-layout.ts';
import type { Mutex } from './mutex.ts';
import { openEmbedded, openNamed, type AreaContent, type LockOptions, type OpenArea } from './open-area.ts';
import { checkTimeout, type BlockOptions } from './timeout.ts';

const content: AreaContent = { kind: 'condition', flags: 0, limit: 0 };

/** The number of notifications when the wait began. */
interface Since {
  readonly notifications: number;
}

/**
 * Waiting for something to become true that a {@link Mutex} protects: `wait` gives the mutex up, sleeps until somebody
 * notifies, and takes it again. Always check again, in a loop: another may have been quicker.
 *
 * A notification wakes everybody, so none is lost to a waiter that dies. It is remembered by nobody: who waits later
 * waits for the next. Being woken by the death of a party of the condition does not count as one.
 * @throws {IpcError} ERR_IPC_CLOSED from every call after `close`.
 */
export class Condition extends CompoundLock<Since, true> {
  private constructor(area: OpenArea, name: string | undefined) {
    super(area, 'condition', name);
  }

  /** Opens a named condition, or makes it. @throws {IpcError} ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static openOrCreate(name: string, options: LockOptions = {}): Condition {
    return new Condition(openNamed('openOrCreate', name, content, options), name);
  }

  /** The condition at `offset` of a region's payload; see `Mutex.in`. */
  static in(region: Region, offset: number, options: LockOptions = {}): Condition {
    return new Condition(openEmbedded(region, offset, content, options), undefined);
  }

  /** Bytes an embedded condition takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, content.kind);
  }

  /**
   * Gives `held` back, waits for a notification, and takes the mutex again.
   *
   * @returns The new possession, which may say `abandoned`.
   * @throws `signal.reason`: the mutex is then not held. @throws {TypeError} `held` was released, is of another mutex, or not
   *   the only possession of a recursive one.
   */
  async wait(mutex: Mutex, held: Held, options?: WaitOptions): Promise<Held> {
    const since = this.#giveUp(mutex, held); // also for one who gives up at once: whatever the reason, it is not held then
    await this.takeOrWait(since, options?.signal);
    return mutex.acquire(options);
  }

  /** As `wait`, blocking the thread; undefined, and the mutex not held, when `timeoutMs` has passed. */
  waitSync(mutex: Mutex, held: Held): Held;
  waitSync(mutex: Mutex, held: Held, options: BlockOptions): Held | undefined;
  waitSync(mutex: Mutex, held: Held, options?: BlockOptions): Held | undefined {
    const timeoutMs = checkTimeout(options?.timeoutMs);
    const startMs = performance.now();
    if (this.takeSync(this.#giveUp(mutex, held), timeoutMs) === undefined) return undefined;
    if (timeoutMs < 0) return mutex.acquireSync();
    return mutex.acquireSync({ timeoutMs: Math.max(0, timeoutMs - (performance.now() - startMs)) });
  }

  /** Wakes everybody who waits. Call it while holding the mutex, or just after: then nobody misses it. */
  notifyAll(): void {
    this.checkOpen();
    this.inside(() => {
      this.ring();
      Atomics.add(this.words, this.participant.base + STATE, 1);
    });
    this.lookHere();
  }

  protected override holders(): readonly number[] {
    return [];
  }

  protected override take({ notifications }: Since): true | undefined {
    return this.#notifications === notifications ? undefined : true;
  }

  protected override handBack(): void {
    // nothing is ever held
  }

  protected override isPristine(): boolean {
    return true;
  }

  /** First the number, then the release: a notification in between counts. */
  #giveUp(mutex: Mutex, held: Held): Since {
    this.checkOpen();
    if (!held.isOf(mutex) || !mutex.isHeldOnce)
      throw new TypeError('to wait for a condition one has to hold its mutex, once');
    const notifications = this.#notifications;
    held.release();
    return { notifications };
  }

  get #notifications(): number {
    return Atomics.load(this.words, this.participant.base + STATE);
  }
}
