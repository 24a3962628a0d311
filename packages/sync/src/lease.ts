import { closedError, type WaitOptions } from '@ipc/core';
import { Region } from '@ipc/shm';
import type { Held } from './held.ts';
import { areaBytes, DEFAULT_PARTICIPANTS, SLOT_WANTS, WANTS_TO_WATCH } from './lock-layout.ts';
import { Mutex } from './mutex.ts';
import { openEmbedded, openNamed, type AreaContent, type LockOptions, type OpenArea } from './open-area.ts';
import { OwnerWord } from './owner-word.ts';
import type { ParticipantInfo } from './participant.ts';
import { Waiting, type Attempts } from './waiting.ts';

const content: AreaContent = { kind: 'lease', flags: 0, limit: 0 };

/** Of nobody: an iteration that has not seen anything yet. */
const UNSEEN = -1;

/**
 * Who leads, among processes, worker threads and objects: at most one at a time, for as long as it lives and wants to.
 *
 * No lease runs out: a leader is replaced when it releases, or at once when it dies, by the kernel's proof. Followers that watch
 * `changes` are told at once, whether they campaign or not. To lead is to hold the {@link Held}; its `abandoned` says that the last
 * leader died.
 *
 * Thread: the one that opened it. Layout: a mutex, docs/wire-formats/lock.md.
 * @throws {IpcError} ERR_IPC_CLOSED from every call after `close`.
 */
export class Lease implements Disposable {
  readonly name: string | undefined;
  readonly #area: OpenArea;
  readonly #mutex: Mutex;
  /** Opens the lease once more: who watches and who campaigns sleep apart. */
  readonly #openAgain: () => OpenArea;
  #observer: Observer | undefined;

  private constructor(open: () => OpenArea, name: string | undefined) {
    this.name = name;
    this.#openAgain = open;
    this.#area = open();
    this.#mutex = Mutex.over(this.#area, name, () => true);
  }

  /** Opens a named lease, or makes it. @throws {IpcError} ERR_IPC_MISMATCH, ERR_IPC_LIMIT, ERR_IPC_PERMISSION, ERR_IPC_CORRUPT. */
  static openOrCreate(name: string, options: LockOptions = {}): Lease {
    return new Lease(() => openNamed('openOrCreate', name, content, options), name);
  }

  /** The lease at `offset` of a region's payload; see `Mutex.in`. */
  static in(region: Region, offset: number, options: LockOptions = {}): Lease {
    return new Lease(() => openEmbedded(region, offset, content, options), undefined);
  }

  /** Bytes an embedded lease takes. */
  static bytes(participants: number = DEFAULT_PARTICIPANTS): number {
    return areaBytes(participants);
  }

  /** Removes a name, whoever uses it. False when there is none. */
  static unlink(name: string): boolean {
    return Region.unlink(name, content.kind);
  }

  /** Waits on the event loop until this object leads; it then does so until `release`. Rejects with `signal.reason`. */
  async campaign(options?: WaitOptions): Promise<Held> {
    return this.#proclaim(await this.#mutex.acquire(options));
  }

  /** Leads, if nobody does. */
  tryCampaign(): Held | undefined {
    const held = this.#mutex.tryAcquire();
    return held === undefined ? undefined : this.#proclaim(held);
  }

  /** Whether this object leads. */
  get isLeader(): boolean {
    return this.#mutex.isHeld;
  }

  /** Who leads, at this moment; undefined when nobody does. Its `label` is what it opened the lease with. */
  get leader(): ParticipantInfo | undefined {
    const owner = this.#mutex.owner;
    return owner?.alive === true ? owner : undefined;
  }

  /**
   * Who leads now, and then whenever that changes; undefined while nobody does. Who is slow to ask misses what was in between.
   * Rejects with `signal.reason`, and with ERR_IPC_CLOSED when the lease is closed.
   * Cost: the first call opens the lease once more.
   */
  async *changes({ signal }: WaitOptions = {}): AsyncGenerator<
    ParticipantInfo | undefined,
    never,
    undefined
  > {
    for (let seen = UNSEEN; ;) {
      if (this.#mutex.isClosed) throw closedError('lease');
      this.#observer ??= new Observer(this.#openAgain());
      seen = await this.#observer.next(seen, signal);
      yield this.#observer.info(seen);
    }
  }

  /** Lets go; if this object leads, the next one does, with `abandoned`. Idempotent. */
  close(): void {
    if (this.#mutex.isClosed) return;
    this.#observer?.close();
    this.#mutex.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Those who watch sleep whoever leads; taking a lock rings nobody. */
  #proclaim(held: Held): Held {
    this.#area.participant.ringAll();
    return held;
  }
}

/** Watches the owner word of a lease. All who wait have seen the same. */
class Observer implements Attempts<number, number> {
  readonly #area: OpenArea;
  readonly #word: OwnerWord;
  readonly #waiting: Waiting<number, number>;

  constructor(area: OpenArea) {
    this.#area = area;
    this.#word = new OwnerWord(area.participant);
    this.#waiting = new Waiting(area.participant, this);
    Atomics.store(area.participant.words, area.participant.slot + SLOT_WANTS, WANTS_TO_WATCH);
  }

  /** The identity of a leader other than `seen`, 0 for none. */
  next(seen: number, signal: AbortSignal | undefined): Promise<number> {
    signal?.throwIfAborted();
    if (this.#waiting.length > 0) this.#waiting.look();
    const now = this.#word.livingOwner(false);
    return now === seen ? this.#waiting.wait(seen, signal) : Promise.resolve(now);
  }

  info(identity: number): ParticipantInfo | undefined {
    const slot = this.#area.participant.slotOf(identity);
    return slot === undefined ? undefined : this.#area.participant.info(slot);
  }

  attempt(seen: number, announced: boolean): number | undefined {
    const now = this.#word.livingOwner(announced);
    return now === seen ? undefined : now;
  }

  watched(seen: number): readonly number[] {
    const slot = this.#area.participant.slotOf(seen);
    return slot === undefined ? [] : [slot];
  }

  close(): void {
    this.#waiting.close(closedError('lease'));
    this.#area.close(() => true);
  }
}
