import { Participant } from './participant.ts';
import { WRITER } from './participants-layout.ts';
import { RecordsSender } from './records-sender.ts';
import { SlotMemory, type SlotOptions } from './slot-memory.ts';
import { SlotSendPort } from './slot-send-port.ts';

export const queueKind = 'mpmc';

/**
 * A writing end of a queue of many producers and many consumers (MPMC; MPSC with one consumer): each message goes to one of them.
 *
 * Messages are taken in the order in which they were claimed. A producer killed at any instant holds nobody up: what it
 * had not finished was never sent. One that is stopped just then holds the consumers up at its message.
 *
 * Sending costs one copy, two compareExchanges and a store; a system call only when a consumer sleeps.
 * Thread: the one that opened it. Source: Vyukov's bounded MPMC queue; layout in slots-layout.ts.
 */
export class Producer extends RecordsSender {
  /**
   * Opens the queue of this name, or creates it.
   *
   * @throws {RangeError} An option out of range. @throws {IpcError} ERR_IPC_MISMATCH when it exists with other options;
   *   ERR_IPC_LIMIT when it has its number of participants; and as `Region.openOrCreate`.
   */
  static open(name: string, options: SlotOptions): Producer {
    const memory = SlotMemory.openOrCreate(name, queueKind, 0, options);
    try {
      return new Producer(new SlotSendPort(memory, Participant.join(memory, WRITER, 0), 'take'));
    } catch (error) {
      memory.region.close();
      throw error;
    }
  }

  /** How many consumers there are. Cost: a system call for each. @throws {IpcError} ERR_IPC_CLOSED. */
  get consumers(): number {
    return this.countReaders();
  }
}
