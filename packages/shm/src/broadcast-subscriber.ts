import { broadcastKind, overflows } from './broadcast-publisher.ts';
import { fence } from './fence.ts';
import { Participant } from './participant.ts';
import { POSITION, READER } from './participants-layout.ts';
import { phaseOf, SlotMemory } from './slot-memory.ts';
import { RecordsReceivePort, type Copy } from './records-receive-port.ts';
import { RecordsReceiver } from './records-receiver.ts';
import { wakeWriters } from './sleepers.ts';
import { DONE, FULL, JOINED, SLOT_HEADER_BYTES, TAIL } from './slots-layout.ts';

export interface SubscribeOptions {
  /** How many of the last messages to start with: as many of them as are still there. @default 0 */
  readonly history?: number | undefined;
  /** Longest spin before sleeping, in microseconds. @default 50 */
  readonly spinUs?: number | undefined;
}

/**
 * A subscribing end of a broadcast: gets every message published from now on, and the last ones before if it wants.
 *
 * It has no end: publishers come and go. Thread: the one that opened it.
 */
export class Subscriber extends RecordsReceiver {
  readonly #port: SubscribePort;

  private constructor(port: SubscribePort) {
    super(port);
    this.#port = port;
  }

  /**
   * Subscribes.
   *
   * @throws {RangeError} `history` is not in 0..slots. @throws {IpcError} ERR_IPC_NOT_FOUND when nobody has created it;
   *   ERR_IPC_LIMIT when it has its number of participants; else as `Region.open`.
   */
  static open(name: string, { history = 0, spinUs = 50 }: SubscribeOptions = {}): Subscriber {
    const memory = SlotMemory.open(name, broadcastKind);
    try {
      if (!Number.isInteger(history) || history < 0 || history > memory.slots) {
        throw new RangeError(`history must be an integer in 0..${memory.slots}, got ${history}`);
      }
      const start = (Atomics.load(memory.words, TAIL) - history) | 0;
      return new Subscriber(
        new SubscribePort(memory, Participant.join(memory, READER, start), start, spinUs),
      );
    } catch (error) {
      memory.region.close();
      throw error;
    }
  }

  /** How many messages publishers have lapped: they came after this end was opened, and it will not get them. Always 0 where they wait. */
  get lapped(): number {
    return this.#port.lapped;
  }
}

class SubscribePort extends RecordsReceivePort {
  lapped = 0;
  readonly #memory: SlotMemory;
  readonly #waits: boolean;
  readonly #quantum: number;
  /** Messages before this one were there before us. */
  readonly #first: number;
  #position: number;
  #released: number;

  constructor(memory: SlotMemory, participant: Participant, start: number, spinUs: number) {
    super(memory, participant, spinUs);
    this.#memory = memory;
    this.#waits = memory.mode === overflows.wait;
    this.#quantum = Math.max(1, memory.slots >>> 3);
    this.#position = this.#released = start;
    // In this order: whoever claims a slot over a message from `#first` on has seen our position.
    Atomics.add(memory.words, JOINED, 1);
    this.#first = Atomics.load(memory.words, TAIL);
  }

  protected hasMessage(): boolean {
    const memory = this.#memory;
    const state = Atomics.load(memory.words, memory.slotOf(this.#position));
    const lead = memory.lead(state, this.#position);
    if (lead === -1) return false;
    if (lead !== 0 || phaseOf(state) === FULL || phaseOf(state) === DONE) return true;
    return this.unblocks(this.#position);
  }

  protected step(copy: Copy): Uint8Array | 'none' | 'again' {
    const memory = this.#memory;
    const { words } = memory;
    const slot = memory.slotOf(this.#position);
    const state = Atomics.load(words, slot);
    const lead = memory.lead(state, this.#position);
    if (lead === 0 && phaseOf(state) === FULL) {
      const length = words[slot + 1] as number;
      const fits = length >= 0 && length <= memory.maxMessageBytes;
      const message = fits ? copy(memory, slot * 4 + SLOT_HEADER_BYTES, length) : undefined;
      fence();
      if (Atomics.load(words, slot) !== state) return 'again'; // lapped while copying
      if (message === undefined) throw memory.damaged();
      this.#advance();
      return message;
    }
    if (lead === 0 && phaseOf(state) === DONE) {
      this.#advance();
    } else if (lead === 0 || lead === -1) {
      this.#release();
      if (lead === -1 || !this.unblocks(this.#position)) return 'none';
    } else {
      this.#catchUp();
    }
    return 'again';
  }

  #advance(): void {
    this.#position = (this.#position + 1) | 0;
    if (((this.#position - this.#released) | 0) >= this.#quantum) this.#release();
  }

  /** Lets publishers have the slots of what was read. */
  #release(): void {
    const from = this.#released;
    if (from === this.#position) return;
    this.#released = this.#position;
    if (!this.#waits) return;
    const { words, sleepingWriters } = this.#memory;
    Atomics.store(words, this.participant.line + POSITION, this.#position);
    wakeWriters(words, sleepingWriters, from, this.#position, this.participant);
  }

  /** Publishers have come round: goes on with the oldest message that is likely to stay for long enough. */
  #catchUp(): void {
    const { words, slots } = this.#memory;
    const behind = (Atomics.load(words, TAIL) - this.#position) | 0;
    if (behind < 0) throw this.#memory.damaged();
    const history = Math.max(0, (this.#first - this.#position) | 0);
    let skipped = Math.max(1, behind - slots + (slots >>> 2));
    if (this.#waits) {
      if (history === 0) throw this.#memory.damaged(); // they must have waited
      skipped = Math.min(skipped, history);
    }
    this.lapped += Math.max(0, skipped - history);
    this.#position = (this.#position + skipped) | 0;
  }
}
