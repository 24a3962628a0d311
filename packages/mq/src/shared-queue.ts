import { IpcError } from '@ipc/core';
import { Region } from '@ipc/shm';
import type { DeadLetter } from './message-table.ts';
import { PortQueue } from './port-queue.ts';
import type { QueueAttributes } from './queue.ts';
import {
  blockBytesOf,
  BLOCKS,
  CELL_BYTES,
  CELLS,
  cellStride,
  FRESH,
  MAX_ATTEMPTS,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGES,
  PARTICIPANTS,
  planQueue,
  RING_SLOTS,
  shareMemory,
  UNITS,
  QUEUE_KIND,
  QUEUE_VERSION,
} from './shared-layout.ts';
import { SharedPort } from './shared-port.ts';
import type { StoreCounts } from './shared-store.ts';

/** What to create a queue with. */
export interface SharedQueueOptions {
  /**
   * Memory for messages, reserved at once. Half of it is blocks of eight cells, for messages that are longer than a cell, unless
   * `maxMessageBytes` says that there are none; a quarter is a ring for messages of priority 0 without times, and a quarter cells for
   * all others. @default 4 MiB
   */
  readonly capacityBytes?: number | undefined;
  /** Messages it holds at most, whatever their size and kind: then it has no ring. @default as many as there are slots and cells */
  readonly maxMessages?: number | undefined;
  /** @default what the blocks hold */
  readonly maxMessageBytes?: number | undefined;
  /** The unit of memory, a multiple of 64 from 128 on: messages up to it take a slot or a cell, longer ones blocks, too. @default 128 */
  readonly cellBytes?: number | undefined;
  /** Leases of a message until it becomes a dead letter; 0: for ever. @default 16 */
  readonly maxAttempts?: number | undefined;
  /** Handles, in all processes, that may have it open at once: 1..254. @default 128 */
  readonly participants?: number | undefined;
  /** Permission bits, whatever the umask is. @default 0o600 */
  readonly mode?: number | undefined;
}

/** What a shared queue is right now. `messages` counts those under lease and those that are delayed, too. */
export type SharedQueueAttributes = QueueAttributes & StoreCounts;

/**
 * A queue in shared memory: the contract without the kernel's limits, and leases, delays and times to live.
 *
 * As many messages as memory holds, each as large as memory is; receiving costs the same however many there are (with
 * times: the logarithm of those that have one). Any party may be killed at any instant: nothing is lost that was not received.
 * It lives in /dev/shm until it is unlinked or the system goes down. Priorities are 0..1023. Linux only.
 *
 * Thread: each opens it by name. Cost of a message without waiting: no system call. Layout: docs/wire-formats/queue.md.
 */
export class SharedQueue extends PortQueue {
  readonly #port: SharedPort;

  private constructor(region: Region) {
    let port: SharedPort;
    try {
      port = new SharedPort(region);
    } catch (error) {
      region.close();
      throw error;
    }
    super(port, region.name);
    this.#port = port;
  }

  /**
   * Creates a queue that does not exist yet.
   *
   * @throws {TypeError} The name. @throws {RangeError} An option.
   * @throws {IpcError} ERR_IPC_EXISTS; ERR_IPC_LIMIT (/dev/shm is full, with what is needed); ERR_IPC_PERMISSION.
   */
  static create(name: string, options: SharedQueueOptions = {}): SharedQueue {
    return new SharedQueue(Region.create(name, regionOptions(options)));
  }

  /**
   * Opens a queue that exists, with the sizes it has.
   *
   * @throws {TypeError} The name. @throws {IpcError} ERR_IPC_NOT_FOUND; ERR_IPC_MISMATCH; ERR_IPC_CORRUPT; ERR_IPC_PERMISSION;
   *   ERR_IPC_LIMIT: all participants are taken.
   */
  static open(name: string): SharedQueue {
    return new SharedQueue(Region.open(name, { kind: QUEUE_KIND, version: QUEUE_VERSION }));
  }

  /** Opens the queue, or creates it when there is none. The sizes of one that exists must be those asked for. Errors as of both. */
  static openOrCreate(name: string, options: SharedQueueOptions = {}): SharedQueue {
    const wanted = regionOptions(options);
    const region = Region.openOrCreate(name, wanted);
    try {
      checkSizes(region, wanted.sizes, options, name);
    } catch (error) {
      region.close();
      throw error;
    }
    return new SharedQueue(region);
  }

  /** Removes a queue's name; those who have it open keep it. False when there is none. @throws {IpcError} ERR_IPC_PERMISSION. */
  static unlink(name: string): boolean {
    return Region.unlink(name, QUEUE_KIND);
  }

  override attributes(): SharedQueueAttributes {
    super.attributes();
    return this.#port.attributes();
  }

  /** Takes the oldest dead letter out; undefined when there is none. They take memory until somebody does. */
  tryReceiveDeadLetter(): DeadLetter | undefined {
    return this.#port.pullDead();
  }

  /** Makes dead letters messages again, as if never tried, the oldest first; returns how many. */
  reviveDeadLetters(limit: number = Infinity): number {
    return this.#port.revive(limit);
  }
}

interface Sizes {
  readonly cellBytes: number;
  readonly cells: number;
  readonly ringSlots: number;
  readonly blocks: number;
  /** What `capacityBytes` says, in cell bytes. */
  readonly units: number;
  readonly maxMessages: number;
  readonly maxMessageBytes: number;
  readonly maxAttempts: number;
  readonly participants: number;
}

const sizeWords = {
  cellBytes: CELL_BYTES,
  cells: CELLS,
  ringSlots: RING_SLOTS,
  blocks: BLOCKS,
  units: UNITS,
  maxMessages: MAX_MESSAGES,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxAttempts: MAX_ATTEMPTS,
  participants: PARTICIPANTS,
} as const;

function regionOptions(options: SharedQueueOptions): {
  kind: string;
  version: number;
  bytes: number;
  mode?: number;
  sizes: Sizes;
  initialise: (region: Region) => void;
} {
  const sizes = checkSizesAsked(options);
  return {
    kind: QUEUE_KIND,
    version: QUEUE_VERSION,
    bytes: planQueue(sizes).bytes,
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    sizes,
    initialise: ({ words }) => {
      for (const [size, word] of Object.entries(sizeWords)) words[word] = sizes[size as keyof Sizes];
      words[FRESH] = 1;
    },
  };
}

function checkSizesAsked({
  capacityBytes = 4 << 20,
  cellBytes = 128,
  maxMessages,
  maxMessageBytes,
  maxAttempts = 16,
  participants = 128,
}: SharedQueueOptions): Sizes {
  integer('cellBytes', cellBytes, 128, 1 << 20);
  if (cellBytes % 64 !== 0) throw new RangeError(`cellBytes must be a multiple of 64, got ${cellBytes}`);
  integer('capacityBytes', capacityBytes, cellStride(cellBytes), 2 ** 32);
  if (maxMessages !== undefined) integer('maxMessages', maxMessages, 1, 2 ** 31 - 1);
  const hasLong = (maxMessageBytes ?? Infinity) > cellBytes;
  const shares = shareMemory(capacityBytes, cellBytes, hasLong, maxMessages);
  const longest = Math.min(2 ** 31 - 1, Math.max(cellBytes, shares.blocks * blockBytesOf(cellBytes)));
  integer('maxMessageBytes', maxMessageBytes ?? longest, 1, longest);
  integer('maxAttempts', maxAttempts, 0, 2 ** 31 - 1);
  integer('participants', participants, 1, 254);
  return {
    cellBytes,
    ...shares,
    units: Math.floor(capacityBytes / cellBytes),
    maxMessages: Math.min(maxMessages ?? Infinity, shares.cells + shares.ringSlots),
    maxMessageBytes: maxMessageBytes ?? longest,
    maxAttempts,
    participants,
  };
}

function integer(option: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${option} must be an integer from ${least} to ${most}, got ${value}`);
}

/** Only what was asked for has to agree. */
function checkSizes({ words }: Region, sizes: Sizes, options: SharedQueueOptions, name: string): void {
  const actual = Object.fromEntries(
    Object.entries(sizeWords).map(([size, word]) => [size, words[word]]),
  ) as unknown as Sizes;
  const memoryOf = ({ units, cellBytes }: Sizes): number => units * cellBytes;
  const pairs = Object.keys(sizeWords).map(
    (size) => [size, sizes[size as keyof Sizes], actual[size as keyof Sizes]] as const,
  );
  for (const [size, wanted, found] of [
    ['capacityBytes', memoryOf(sizes), memoryOf(actual)] as const,
    ...pairs,
  ]) {
    if (options[size as keyof SharedQueueOptions] === undefined || wanted === found) continue;
    throw new IpcError(
      'ERR_IPC_MISMATCH',
      `open queue "${name}": it exists with ${size} ${found}, not ${wanted}; open it without, or unlink it first`,
      { name },
    );
  }
}
