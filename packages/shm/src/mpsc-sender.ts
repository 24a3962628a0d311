import { closedError, IpcError } from '@ipc/core';
import { Claim } from './claim.ts';
import { MpscMemory, type MpscOptions } from './mpsc-memory.ts';
import { Participant } from './participant.ts';
import { WRITER } from './participants-layout.ts';
import { RecordsSendPort } from './records-send-port.ts';
import { RecordsSender } from './records-sender.ts';
import type { Region } from './region.ts';

/**
 * A writing end of a ring of many writers and one reader (MPSC). Any number of them, in any processes, up to `participants`.
 *
 * Messages have any length up to `maxMessageBytes`, a quarter of the ring and at most 4 MiB - 1, and are received in the order in
 * which they were claimed. A sender killed at any instant holds nobody up: what it had not finished was never sent. One
 * that is stopped just then holds the receiver up at its message.
 *
 * Sending costs one copy (none with `tryClaim`), two compareExchanges and a store; a system call only when the receiver sleeps.
 * Thread: the one that opened it. Source: Agrona's ManyToOneRingBuffer, with the kernel's proof of death instead of
 * a time-out. Layout in mpsc-layout.ts.
 */
export class MpscSender extends RecordsSender {
  readonly #port: MpscSendPort;

  private constructor(port: MpscSendPort) {
    super(port);
    this.#port = port;
  }

  /**
   * Opens the ring of this name, or creates it.
   *
   * @throws {RangeError} An option out of range. @throws {IpcError} ERR_IPC_MISMATCH when it exists with other options;
   *   ERR_IPC_LIMIT when it has its number of participants; and as `Region.openOrCreate`.
   */
  static open(name: string, options: MpscOptions): MpscSender {
    return MpscSender.#join(MpscMemory.openOrCreate(name, options));
  }

  /**
   * A ring that {@link formatMpsc} made in a region of the caller's, which stays open until this end is closed.
   *
   * @param offset - Where it is in the region's payload.
   * @throws {RangeError} `offset`. @throws {IpcError} ERR_IPC_CORRUPT when there is none; ERR_IPC_LIMIT.
   */
  static within(region: Region, offset: number): MpscSender {
    return MpscSender.#join(MpscMemory.within(region, offset));
  }

  static #join(memory: MpscMemory): MpscSender {
    try {
      return new MpscSender(new MpscSendPort(memory, Participant.join(memory, WRITER, 0)));
    } catch (error) {
      memory.close();
      throw error;
    }
  }

  /** Whether somebody alive receives. Cost: a system call. @throws {IpcError} ERR_IPC_CLOSED. */
  get hasReceiver(): boolean {
    return this.countReaders() > 0;
  }

  /**
   * Claims room for one message, to be filled in place. The same object is returned every time: one claim at a time.
   *
   * It has its place in the order now: the receiver waits for its end. Other messages may be sent meanwhile.
   *
   * @param length - Payload bytes, 0..maxMessageBytes.
   * @returns `undefined` while there is no room.
   * @throws {RangeError} `length` is not a whole number. @throws {TypeError} The last claim is still open.
   * @throws {IpcError} ERR_IPC_TOO_LARGE; ERR_IPC_CLOSED; ERR_IPC_CORRUPT. Source: Agrona `RingBuffer.tryClaim`.
   */
  tryClaim(length: number): Claim | undefined {
    return this.#port.tryClaim(length);
  }
}

class MpscSendPort extends RecordsSendPort {
  readonly #memory: MpscMemory;
  readonly #claim: Claim;
  /** First unit of the open claim, or -1. */
  #claimed = -1;
  /** Of the message that was refused last. */
  #refusedLength = 0;

  constructor(memory: MpscMemory, participant: Participant) {
    super(memory, participant);
    this.#memory = memory;
    this.#claim = new Claim(memory.bytes, (committed) => {
      this.#endClaim(committed);
    });
  }

  tryClaim(length: number): Claim | undefined {
    if (this.isReleased) throw closedError('sender');
    if (!Number.isInteger(length) || length < 0)
      throw new RangeError(`length must be a whole number of bytes, got ${length}`);
    if (length > this.maxMessageBytes) {
      throw new IpcError(
        'ERR_IPC_TOO_LARGE',
        `message of ${length} bytes exceeds maxMessageBytes, which is ${this.maxMessageBytes}`,
      );
    }
    if (this.#claimed >= 0) throw new TypeError('the last claim must be committed or aborted first');
    const unit = this.#memory.claim(this.participant.number, length);
    if (unit < 0) return undefined;
    this.#claimed = unit;
    return this.#claim.open(this.#memory.offsetOf(unit), length);
  }

  override release(): void {
    this.#claim.abort();
    super.release();
  }

  protected write(message: Uint8Array): boolean {
    const memory = this.#memory;
    const { number } = this.participant;
    const { length } = message;
    const unit = memory.claim(number, length);
    if (unit < 0) {
      this.#refusedLength = length;
      return false;
    }
    memory.bytes.set(message, memory.offsetOf(unit));
    memory.commit(unit, number, length);
    return true;
  }

  protected hasRoom(): boolean {
    return this.#memory.isClaimable(this.#refusedLength);
  }

  protected need(): number {
    return this.#memory.needFor(this.#refusedLength);
  }

  #endClaim(committed: boolean): void {
    const unit = this.#claimed;
    this.#claimed = -1;
    const { length } = this.#claim;
    if (committed) this.#memory.commit(unit, this.participant.number, length);
    else this.#memory.skip(unit, length);
    this.publish(); // also what is skipped: what is behind it may have been waiting
  }
}
