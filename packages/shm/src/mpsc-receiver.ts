import { IpcError } from '@ipc/core';
import { CLAIMED, FREE, FULL, PHASE_MASK, unitsIn, LENGTH_SHIFT } from './mpsc-layout.ts';
import { MpscMemory, type MpscOptions } from './mpsc-memory.ts';
import { Participant } from './participant.ts';
import { READER } from './participants-layout.ts';
import type { ConsumeOptions } from './queue-consumer.ts';
import { RecordsReceivePort, type Copy } from './records-receive-port.ts';
import { RecordsReceiver } from './records-receiver.ts';
import type { Region } from './region.ts';
import { wakeWriters } from './sleepers.ts';

/**
 * The reading end of a ring of many writers. There is one at a time; the next goes on where it was.
 *
 * `drain` hands messages out where they lie. What a receiver was handling when it was killed, the next one gets again: one
 * message at most. It has no end: senders come and go. Thread: the one that opened it.
 */
export class MpscReceiver extends RecordsReceiver {
  readonly #port: MpscReceivePort;

  private constructor(port: MpscReceivePort) {
    super(port);
    this.#port = port;
  }

  /**
   * Opens the ring of this name; creates it when given what it is made of.
   *
   * @throws {IpcError} ERR_IPC_EXISTS while it has a living receiver; ERR_IPC_NOT_FOUND when nobody has created it, and no
   *   `capacityBytes` is given; ERR_IPC_LIMIT when it has its number of participants; else as `MpscSender.open`.
   */
  static open(name: string, options: ConsumeOptions | (ConsumeOptions & MpscOptions) = {}): MpscReceiver {
    const memory =
      'capacityBytes' in options ? MpscMemory.openOrCreate(name, options) : MpscMemory.open(name);
    return MpscReceiver.#join(memory, options);
  }

  /** A ring in a region of the caller's, as `MpscSender.within`. @throws {IpcError} As that; ERR_IPC_EXISTS while it has a living receiver. */
  static within(region: Region, offset: number, options: ConsumeOptions = {}): MpscReceiver {
    return MpscReceiver.#join(MpscMemory.within(region, offset), options);
  }

  static #join(memory: MpscMemory, { spinUs = 50 }: ConsumeOptions): MpscReceiver {
    let participant: Participant | undefined;
    try {
      participant = Participant.join(memory, READER, 0);
      if (!participant.lock(memory.region.offset + memory.head * 4)) {
        const { name } = memory.region;
        throw new IpcError('ERR_IPC_EXISTS', `ring "${name ?? ''}" has a receiver`, { name });
      }
      return new MpscReceiver(new MpscReceivePort(memory, participant, spinUs));
    } catch (error) {
      participant?.leave();
      memory.close();
      throw error;
    }
  }

  /** How many messages senders died over, since the ring was made. @throws {IpcError} ERR_IPC_CLOSED. */
  get repaired(): number {
    return this.#port.repaired;
  }
}

class MpscReceivePort extends RecordsReceivePort {
  protected override readonly lendsInPlace = true;
  readonly #memory: MpscMemory;
  readonly #quantum: number;
  #position: number;
  /** What head says: everything before it may be claimed again. */
  #released: number;
  /** Messages that handlers are at, one inside the other. */
  #lent = 0;

  constructor(memory: MpscMemory, participant: Participant, spinUs: number) {
    super(memory, participant, spinUs);
    this.#memory = memory;
    this.#quantum = memory.units >>> 3;
    this.#position = this.#released = Atomics.load(memory.words, memory.head);
  }

  get repaired(): number {
    return Atomics.load(this.#memory.words, this.#memory.repaired);
  }

  protected hasMessage(): boolean {
    const memory = this.#memory;
    const state = Atomics.load(memory.words, memory.states + memory.unitAt(this.#position));
    if ((state & PHASE_MASK) === FREE) return state !== memory.freeState(this.#position);
    return (state & PHASE_MASK) !== CLAIMED || this.unblocks(this.#position);
  }

  protected step(copy: Copy): Uint8Array | 'none' | 'again' {
    const memory = this.#memory;
    const position = this.#position;
    const unit = memory.unitAt(position);
    const state = Atomics.load(memory.words, memory.states + unit);
    const phase = state & PHASE_MASK;
    if (phase === FREE) return this.#stepOver(state);
    if (phase === CLAIMED) {
      this.#releaseIfWanted();
      return this.unblocks(position) ? 'again' : 'none';
    }
    const units = unitsIn(state);
    const length = state >>> LENGTH_SHIFT;
    if (units < 1 || units > memory.units - unit) throw memory.damaged();
    if (phase === FULL && length > memory.maxMessageBytes) throw memory.damaged();
    this.#position = (position + units) | 0;
    this.#lent++;
    try {
      return phase === FULL ? copy(memory, memory.offsetOf(unit), length) : 'again';
    } finally {
      memory.free(position, units);
      if (--this.#lent === 0 && ((this.#position - this.#released) | 0) >= this.#quantum) this.#release();
    }
  }

  /** Nothing is here yet; or the last reader died with this unit freed, and head not stored. */
  #stepOver(state: number): 'none' | 'again' {
    const memory = this.#memory;
    if (state === memory.freeState(this.#position)) {
      this.#releaseIfWanted();
      return 'none';
    }
    if (state !== memory.freeState(this.#position + memory.units)) throw memory.damaged();
    this.#position = (this.#position + 1) | 0;
    return 'again';
  }

  override beforeSleep(): void {
    this.#release();
  }

  /** Writers read head for every message: while nobody waits for it, it changes as seldom as can be. */
  #releaseIfWanted(): void {
    const { words, sleepingWriters } = this.#memory;
    if ((Atomics.load(words, sleepingWriters) & 1) !== 0) this.#release();
  }

  /** Lets writers have the units of what was read. */
  #release(): void {
    const from = this.#released;
    if (from === this.#position || this.#lent > 0) return;
    const { words, head, sleepingWriters } = this.#memory;
    this.#released = this.#position;
    Atomics.store(words, head, this.#position);
    wakeWriters(words, sleepingWriters, from, this.#position, this.participant);
  }
}
