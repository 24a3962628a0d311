import type { Participant } from './participant.ts';
import { POSITION, READER, WRITER } from './participants-layout.ts';
import { RecordsSendPort } from './records-send-port.ts';
import type { SlotMemory } from './slot-memory.ts';
import { wakeAll } from './sleepers.ts';
import { JOINED, TAIL } from './slots-layout.ts';

/** The writing end of slots as a port. */
export class SlotSendPort extends RecordsSendPort {
  readonly #memory: SlotMemory;
  readonly #overFull: boolean;
  readonly #waits: boolean;
  /** The first message that must not be claimed before looking at the readers again, as of when `#joined` had joined. */
  #limit: number;
  #joined: number;

  /** @param overflow - What becomes of full slots: claimed over, claimed over once all living readers have read them, or they must be taken. */
  constructor(memory: SlotMemory, participant: Participant, overflow: 'lap' | 'wait' | 'take') {
    super(memory, participant);
    this.#memory = memory;
    this.#overFull = overflow !== 'take';
    this.#waits = overflow === 'wait';
    this.#joined = Atomics.load(memory.words, JOINED);
    this.#limit = Atomics.load(memory.words, TAIL);
  }

  override publish(): void {
    super.publish();
    // One may wait for another that was late by a whole lap.
    if (this.#overFull && !this.#waits && !this.isReleased) {
      wakeAll(this.#memory.words, this.#memory.sleepingWriters, WRITER, this.participant);
    }
  }

  protected write(message: Uint8Array): boolean {
    const { number } = this.participant;
    do {
      const limit = this.#waits ? this.#currentLimit() : undefined;
      const slot = this.#memory.claim(number, this.#overFull, limit);
      if (slot === 0) continue;
      this.#memory.commit(slot, number, message);
      return true;
    } while (this.#makeRoom());
    return false;
  }

  protected hasRoom(): boolean {
    const { words } = this.#memory;
    const tail = Atomics.load(words, TAIL);
    if (this.#waits) {
      this.#look(Atomics.load(words, JOINED));
      if (((this.#limit - tail) | 0) <= 0) return this.#makeRoom();
    }
    return this.#memory.isClaimable(tail, this.#overFull) || this.#memory.unblock(tail, this.participant);
  }

  protected need(): number {
    return (Atomics.load(this.#memory.words, TAIL) - this.#memory.slots + 1) | 0;
  }

  #currentLimit(): number {
    const joined = Atomics.load(this.#memory.words, JOINED);
    if (joined !== this.#joined) this.#look(joined);
    return this.#limit;
  }

  /** Looks where the readers are: what the slowest has not read must stay. */
  #look(joined: number): void {
    const { words, slots } = this.#memory;
    this.#joined = joined;
    let slowest = Atomics.load(words, TAIL);
    this.participant.others(READER, (line) => {
      const position = Atomics.load(words, line + POSITION);
      if (((position - slowest) | 0) < 0) slowest = position;
    });
    this.#limit = (slowest + slots) | 0;
  }

  /** Whether it is worth trying again; frees what the dead hold. */
  #makeRoom(): boolean {
    const { words, slots } = this.#memory;
    const tail = Atomics.load(words, TAIL);
    if (!this.#waits || ((this.#limit - tail) | 0) > 0) return this.#memory.unblock(tail, this.participant);
    this.#look(Atomics.load(words, JOINED));
    if (((this.#limit - tail) | 0) > 0) return true;
    let buried = false;
    this.participant.others(READER, (line, number) => {
      if (((tail - Atomics.load(words, line + POSITION)) | 0) >= slots)
        buried = this.participant.bury(number) || buried;
    });
    return buried;
  }
}
