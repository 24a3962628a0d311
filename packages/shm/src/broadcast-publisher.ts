import { Participant } from './participant.ts';
import { WRITER } from './participants-layout.ts';
import { RecordsSender } from './records-sender.ts';
import { SlotMemory, type SlotOptions } from './slot-memory.ts';
import { SlotSendPort } from './slot-send-port.ts';

export const broadcastKind = 'broadcast';

/** What happens to a message that a subscriber has not read when its slot is needed. The values are in the memory. */
export const overflows = { lap: 0, wait: 1 } as const;

export interface BroadcastOptions extends SlotOptions {
  /**
   * `lap`: the oldest messages make way, and a subscriber that had not read them is told how many. `wait`: publishers
   * wait until every living subscriber has read them.
   */
  readonly overflow: keyof typeof overflows;
}

/**
 * A publishing end of a broadcast. Any number of them, in any processes, up to `participants`.
 *
 * Every subscriber gets every message published while it is there, all in the same order. A publisher killed at any
 * instant holds nobody up: what it had not finished was never sent. One that is stopped just then holds up the
 * subscribers at its message, and the publishers a lap later.
 *
 * Sending costs one copy, whatever the number of subscribers, two compareExchanges and a store; a system call only when somebody
 * sleeps. With `overflow: 'lap'` nothing ever waits for a subscriber, and `send` and `trySend` just succeed.
 * Thread: the one that opened it.
 */
export class Publisher extends RecordsSender {
  /**
   * Opens the broadcast of this name, or creates it.
   *
   * @throws {RangeError} An option out of range. @throws {IpcError} ERR_IPC_MISMATCH when it exists with other options;
   *   ERR_IPC_LIMIT when it has its number of participants; and as `Region.openOrCreate`.
   */
  static open(name: string, options: BroadcastOptions): Publisher {
    if (!Object.hasOwn(overflows, options.overflow)) {
      throw new TypeError(`overflow must be 'lap' or 'wait', got ${JSON.stringify(options.overflow)}`);
    }
    const memory = SlotMemory.openOrCreate(name, broadcastKind, overflows[options.overflow], options);
    try {
      return new Publisher(new SlotSendPort(memory, Participant.join(memory, WRITER, 0), options.overflow));
    } catch (error) {
      memory.region.close();
      throw error;
    }
  }

  /** How many subscribers there are. Cost: a system call for each. @throws {IpcError} ERR_IPC_CLOSED. */
  get subscribers(): number {
    return this.countReaders();
  }
}
