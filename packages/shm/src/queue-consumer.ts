import { OwedWake } from './owed-wake.ts';
import { Participant } from './participant.ts';
import { READER, WRITER } from './participants-layout.ts';
import { queueKind } from './queue-producer.ts';
import { phaseOf, SlotMemory, type SlotOptions } from './slot-memory.ts';
import { RecordsReceivePort, type Copy } from './records-receive-port.ts';
import { RecordsReceiver } from './records-receiver.ts';
import { wakeAll } from './sleepers.ts';
import { CLAIMED, DONE, FULL, HEAD, LEFT_OVER, SLOT_HEADER_BYTES, TAKEN } from './slots-layout.ts';

export interface ConsumeOptions {
  /** Longest spin before sleeping, in microseconds. @default 50 */
  readonly spinUs?: number | undefined;
}

/**
 * A reading end of a queue: each message goes to one of its consumers, wherever they are.
 *
 * What a consumer killed while it copied a message had not got, the next one gets, behind those taken meanwhile. It has no
 * end: producers come and go. Thread: the one that opened it.
 */
export class Consumer extends RecordsReceiver {
  /**
   * Opens the queue of this name; creates it when given what it is made of.
   *
   * @throws {IpcError} ERR_IPC_NOT_FOUND when nobody has created it, and no `slots` are given; ERR_IPC_LIMIT when it has
   *   its number of participants; else as `Producer.open`.
   */
  static open(name: string, options: ConsumeOptions | (ConsumeOptions & SlotOptions) = {}): Consumer {
    const memory =
      'slots' in options
        ? SlotMemory.openOrCreate(name, queueKind, 0, options)
        : SlotMemory.open(name, queueKind);
    try {
      return new Consumer(new TakePort(memory, Participant.join(memory, READER, 0), options.spinUs ?? 50));
    } catch (error) {
      memory.region.close();
      throw error;
    }
  }
}

class TakePort extends RecordsReceivePort {
  readonly #memory: SlotMemory;
  readonly #owed: OwedWake;

  constructor(memory: SlotMemory, participant: Participant, spinUs: number) {
    super(memory, participant, spinUs);
    this.#memory = memory;
    this.#owed = new OwedWake(memory.slots >>> 3, () => {
      wakeAll(memory.words, memory.sleepingWriters, WRITER, participant);
    });
  }

  /** Wakes those who wait for what was taken so far. */
  override settle(): void {
    this.#owed.settle();
  }

  override beforeSleep(): void {
    this.settle();
  }

  override release(): void {
    this.settle();
    super.release();
  }

  protected hasMessage(): boolean {
    const memory = this.#memory;
    const { words } = memory;
    if (Atomics.load(words, LEFT_OVER) !== 0) return true;
    const head = Atomics.load(words, HEAD);
    const state = Atomics.load(words, memory.slotOf(head));
    const lead = memory.lead(state, head);
    if (lead === -1) return false;
    return lead !== 0 || phaseOf(state) !== CLAIMED || this.unblocks(head);
  }

  protected step(copy: Copy): Uint8Array | 'none' | 'again' {
    const memory = this.#memory;
    const { words } = memory;
    if (Atomics.load(words, LEFT_OVER) !== 0) {
      const message = this.#takeLeftOver(copy);
      if (message !== undefined) return message;
    }
    const head = Atomics.load(words, HEAD);
    const slot = memory.slotOf(head);
    const state = Atomics.load(words, slot);
    const lead = memory.lead(state, head);
    if (lead === -1) {
      this.settle();
      return 'none';
    }
    if (lead === 0 && phaseOf(state) === FULL) return this.#takeFrom(slot, state, head, copy) ?? 'again';
    if (lead === 0 && phaseOf(state) === CLAIMED) return this.unblocks(head) ? 'again' : 'none';
    // Taken, or never sent because its producer died: whoever should have moved head on has not come to it.
    Atomics.compareExchange(words, HEAD, head, (head + 1) | 0);
    return 'again';
  }

  /** Undefined when another consumer was faster. */
  #takeFrom(slot: number, state: number, sequence: number, copy: Copy): Uint8Array | undefined {
    const memory = this.#memory;
    const { words } = memory;
    const taken = memory.state(sequence, TAKEN, this.participant.number);
    if (Atomics.compareExchange(words, slot, state, taken) !== state) return undefined;
    Atomics.compareExchange(words, HEAD, sequence, (sequence + 1) | 0);
    const length = words[slot + 1] as number;
    const fits = length >= 0 && length <= memory.maxMessageBytes;
    const message = fits ? copy(memory, slot * 4 + SLOT_HEADER_BYTES, length) : undefined;
    Atomics.store(words, slot, memory.state(sequence, DONE, 0));
    if ((Atomics.load(words, memory.sleepingWriters) & 1) !== 0) this.#owed.owe();
    if (message === undefined) throw memory.damaged();
    return message;
  }

  /** A message that a consumer had begun to take when it died: full, and behind head. */
  #takeLeftOver(copy: Copy): Uint8Array | undefined {
    const memory = this.#memory;
    const { words } = memory;
    const count = Atomics.load(words, LEFT_OVER);
    const head = Atomics.load(words, HEAD);
    for (let back = memory.slots; back > 0; back--) {
      const sequence = (head - back) | 0;
      const slot = memory.slotOf(sequence);
      const state = Atomics.load(words, slot);
      if (memory.lead(state, sequence) !== 0 || phaseOf(state) !== FULL) continue;
      const message = this.#takeFrom(slot, state, sequence, copy);
      if (message !== undefined) return message;
    }
    Atomics.compareExchange(words, LEFT_OVER, count, 0);
    return undefined;
  }
}
