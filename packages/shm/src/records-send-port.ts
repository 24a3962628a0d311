import { closedError, isIpcError, type IpcError, type SendEvents, type SendPort } from '@ipc/core';
import type { Participant } from './participant.ts';
import { READER } from './participants-layout.ts';
import type { SharedRecords } from './shared-records.ts';
import { SlotSleep } from './slot-sleep.ts';
import { wakeAll } from './sleepers.ts';

/** A writing end of records in shared memory as a port; how it writes is up to the structure. */
export abstract class RecordsSendPort implements SendPort {
  readonly maxMessageBytes: number;
  /** What is pushed is in shared memory, which outlives this process. */
  readonly pendingBytes = 0;
  protected readonly participant: Participant;
  readonly #records: SharedRecords;
  readonly #sleep: SlotSleep;
  #events: SendEvents | undefined;
  #failed = false;
  #released = false;

  constructor(records: SharedRecords, participant: Participant) {
    this.maxMessageBytes = records.maxMessageBytes;
    this.participant = participant;
    this.#records = records;
    this.#sleep = new SlotSleep(
      records.region,
      records.sleepingWriters,
      participant,
      () => this.hasRoom(),
      () => this.need(),
    );
  }

  /** Writes and commits one message; false while there is no room. @throws {IpcError} ERR_IPC_CORRUPT. */
  protected abstract write(message: Uint8Array): boolean;

  /** Whether the message refused last might be written now. Whatever is wrong, writing will tell. */
  protected abstract hasRoom(): boolean;

  /** The position that readers must have reached before there can be room. */
  protected abstract need(): number;

  get isReleased(): boolean {
    return this.#released;
  }

  attach(events: SendEvents): void {
    this.#events = events;
  }

  push(message: Uint8Array): boolean {
    if (this.#failed) return false;
    try {
      return this.write(message);
    } catch (error) {
      if (!isIpcError(error)) throw error;
      this.#fail(error);
      return false;
    }
  }

  publish(): void {
    if (this.#released) return;
    wakeAll(this.#records.words, this.#records.sleepingReaders, READER, this.participant);
  }

  awaitRoom(on: boolean): void {
    if (this.#released) return;
    if (!on) this.#sleep.stop();
    else this.#sleep.start(() => {
      this.#woken();
    }); // prettier-ignore
  }

  /** Blocks this thread until there may be room, which those who wait on the event loop get first; false when the time is over first. */
  block(timeoutMs: number): boolean {
    if (this.#released) throw closedError('sender');
    if (!this.#sleep.block(timeoutMs)) return false;
    this.#woken();
    return true;
  }

  finish(): void {
    // Readers go on: the next writer may come at any time.
  }

  release(): void {
    if (this.#released) return;
    this.#sleep.stop();
    this.#released = true;
    this.participant.leave();
    this.#records.close();
  }

  #woken(): void {
    if (this.#sleep.damage === undefined) this.#events?.room();
    else this.#fail(this.#sleep.damage);
  }

  #fail(error: IpcError): void {
    this.#failed = true;
    this.#events?.fail(error);
  }

  countReaders(): number {
    if (this.#released) throw closedError('sender');
    let count = 0;
    this.participant.others(READER, (_line, number) => {
      if (!this.participant.bury(number)) count++;
    });
    return count;
  }
}
