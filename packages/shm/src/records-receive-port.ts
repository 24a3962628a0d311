import { closedError, isIpcError, type End, type ReceiveEvents, type ReceivePort } from '@ipc/core';
import { LentCopy } from './lent-copy.ts';
import { ownedCopy, view, type CopySource } from './owned-copy.ts';
import type { Participant } from './participant.ts';
import { maxAttempts, type SharedRecords } from './shared-records.ts';
import { SlotSleep } from './slot-sleep.ts';
import { Spin } from './spin.ts';
import type { BlockingWait } from './wait-any-sync.ts';

/** Makes a message out of `source.bytes[offset, offset + length)`. */
export type Copy = (source: CopySource, offset: number, length: number) => Uint8Array;

/** Looks at a message that somebody is writing before asking whether that one is dead: it costs a system call. */
const looksPerProof = 64;

/** A reading end of records in shared memory as a port; how it reads is up to the structure. */
export abstract class RecordsReceivePort implements ReceivePort, BlockingWait {
  end: End | undefined;
  protected readonly participant: Participant;
  /** Whether nobody changes a message while `copy` is at it: then it is handed out where it lies. */
  protected readonly lendsInPlace: boolean = false;
  readonly sleep: SlotSleep;
  readonly #records: SharedRecords;
  readonly #spin: Spin;
  readonly #look: () => boolean;
  #lent: LentCopy | undefined;
  #blocked = 0;
  #events: ReceiveEvents | undefined;
  #awaited = false;
  #released = false;

  constructor(records: SharedRecords, participant: Participant, spinUs: number) {
    this.#records = records;
    this.participant = participant;
    this.#lent = new LentCopy(records);
    this.#spin = new Spin(spinUs);
    this.#look = () => this.hasMessage();
    this.sleep = new SlotSleep(records.region, records.sleepingReaders, participant, () => {
      this.#blocked = -1; // the last look asks whether whoever is in the way is dead
      return this.isReady();
    });
  }

  /** Whether `step` might find something. Whatever is wrong, it will tell. */
  protected abstract hasMessage(): boolean;

  /** Takes the next message, by `copy`; or gets nearer to it; or finds none. @throws {IpcError} ERR_IPC_CORRUPT. Whatever `copy` throws. */
  protected abstract step(copy: Copy): Uint8Array | 'none' | 'again';

  /** Called when nothing was found and nobody will look for a while. */
  beforeSleep(): void {
    // nothing to do, as a rule
  }

  /** Called when a message was taken in a thread that blocks: it may not come to its event loop for long. */
  settle(): void {
    // nobody waits for it, as a rule
  }

  /** Whether a message that somebody has not finished is out of the way, because that one is dead. Asks once in a while. */
  protected unblocks(position: number): boolean {
    return (++this.#blocked & (looksPerProof - 1)) === 0 && this.#records.unblock(position, this.participant);
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
    try {
      return this.lendsInPlace
        ? this.#drainInPlace(handler, limit, lent)
        : this.#drainCopies(handler, limit, lent);
    } finally {
      this.#lent = lent;
    }
  }

  awaitMessage(on: boolean): void {
    if (this.#released || on === this.#awaited) return;
    this.#awaited = on;
    if (!on) this.sleep.stop();
    // Not at once: what the caller does next, such as sending, comes first.
    else queueMicrotask(() => {
      this.#fallAsleep();
    }); // prettier-ignore
  }

  /** Blocks this thread until there may be a message, which those who wait on the event loop get first; false when the time is over first. */
  block(timeoutMs: number): boolean {
    this.assertOpen();
    if (!this.#spin.until(this.#look)) {
      this.beforeSleep();
      if (!this.sleep.block(timeoutMs)) return false;
      this.#spin.woken();
    }
    this.serve();
    return true;
  }

  isReady(): boolean {
    return this.end !== undefined || this.hasMessage();
  }

  /** Lets those who wait on the event loop have what there is. */
  serve(): void {
    if (this.#awaited) this.#report();
  }

  /** @throws {IpcError} ERR_IPC_CLOSED. */
  assertOpen(): void {
    if (this.#released) throw closedError('receiver');
  }

  release(): void {
    if (this.#released) return;
    this.awaitMessage(false);
    this.#released = true;
    this.participant.leave();
    this.#records.close();
  }

  #fallAsleep(): void {
    if (!this.#awaited || this.#released) return;
    const report = (): void => {
      this.#report();
    };
    if (this.end !== undefined || this.#spin.until(this.#look)) {
      setImmediate(report);
    } else {
      this.beforeSleep();
      this.sleep.start(() => {
        this.#spin.woken();
        report();
      });
    }
  }

  #report(): void {
    if (!this.#awaited || this.#released) return;
    this.#awaited = false;
    this.sleep.stop();
    this.#events?.ready();
  }

  #drainCopies(handler: (message: Uint8Array) => void, limit: number, lent: LentCopy | undefined): number {
    const copy: Copy = (source, offset, length) =>
      lent?.lend(offset, length) ?? ownedCopy(source, offset, length);
    let count = 0;
    while (count < limit) {
      const message = this.#take(copy);
      if (message === undefined) break;
      count++;
      handler(message);
    }
    return count;
  }

  #drainInPlace(handler: (message: Uint8Array) => void, limit: number, lent: LentCopy | undefined): number {
    let thrown: { readonly error: unknown } | undefined;
    const lend: Copy = ({ bytes }, offset, length) => {
      const message = lent?.lend(offset, length) ?? view(bytes, offset, length);
      try {
        handler(message);
      } catch (error) {
        thrown = { error };
      }
      return message;
    };
    let count = 0;
    while (count < limit && this.#take(lend) !== undefined) {
      count++;
      if (thrown !== undefined) throw thrown.error;
    }
    return count;
  }

  #take(copy: Copy): Uint8Array | undefined {
    if (this.end !== undefined || this.#released) return undefined;
    try {
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const found = this.step(copy);
        if (found === 'none') {
          if (this.sleep.damage !== undefined) throw this.sleep.damage;
          return undefined;
        }
        if (found !== 'again') return found;
      }
      throw this.#records.damaged();
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_CORRUPT')) throw error;
      this.end = { error };
      return undefined;
    }
  }
}
