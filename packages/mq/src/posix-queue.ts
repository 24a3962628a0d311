import { randomUUID } from 'node:crypto';
import { constants, fchmodSync } from 'node:fs';
import { fromErrno, IpcError } from '@ipc/core';
import { MQ_PRIORITY_MAX, mqOpen, mqUnlink } from '@ipc/native';
import { letGo } from '@ipc/socket';
import { PortQueue } from './port-queue.ts';
import { PosixDescriptor, privateReadAhead } from './posix-descriptor.ts';
import { chargedBytes, explainOpenFailure, posixQueueLimits, type PosixQueueLimits } from './posix-limits.ts';
import { listPosixQueues, type PosixQueueInfo } from './posix-queue-list.ts';
import { posixQueueName } from './posix-queue-name.ts';
import { closeWithSpill, PosixSpill, reclaimSpilled } from './posix-spill.ts';
import { SPILL_REFERENCE_BYTES } from './posix-spill-reference.ts';
import type { QueueAttributes, QueueMessage, QueueTraits } from './queue.ts';
import type { QueueEvents, QueuePort } from './queue-port.ts';

/** What to open a queue for. */
export interface PosixQueueOpenOptions {
  /** @default 'both' */
  readonly access?: 'both' | 'send' | 'receive' | undefined;
  /** Messages the queue must hold; a queue of another size is ERR_IPC_MISMATCH. */
  readonly maxMessages?: number | undefined;
  /** Bytes a message must be allowed to have; a queue of another size is ERR_IPC_MISMATCH. */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Messages of up to this many bytes, however small the queue's own are: what does not fit spills to shared memory and comes
   * out as one message. For queues that everybody opens so, as the same user: others receive a reference of 32 bytes. What they send
   * is received as it is. The queue's own messages must be of 32 bytes or more. @default none spill
   */
  readonly spillBytes?: number | undefined;
}

/** What to create a queue with. */
export interface PosixQueueCreateOptions extends PosixQueueOpenOptions {
  /** Permission bits, whatever the umask is. @default 0o600 */
  readonly mode?: number | undefined;
}

const traits: QueueTraits = {
  maxPriority: MQ_PRIORITY_MAX,
  survives: 'processes',
  unlink: 'keeps-open',
  leases: false,
};
const accessFlags = { both: constants.O_RDWR, send: constants.O_WRONLY, receive: constants.O_RDONLY };
/** A name that comes and goes between two looks at it this often is not going to settle. */
const openAttempts = 100;

/**
 * A POSIX message queue, mq_overview(7): kept by the kernel, many senders, many receivers, priorities.
 *
 * A queue lives until it is unlinked or the system goes down; {@link PosixQueue.list} shows what is there and who has it
 * open. Names are as everywhere in this toolkit (`jobs` is `/ipc-jobs.mq` for the kernel), or begin with a slash and
 * are the kernel's own (`/jobs`), to meet C, Python and others. Sizes are small by default (10 messages of
 * 8,192 bytes): see {@link PosixQueue.limits}. Linux only.
 */
export class PosixQueue extends PortQueue {
  /**
   * Creates a queue that does not exist yet.
   *
   * @throws {TypeError} The name or an option. @throws {RangeError} A size that is no positive integer.
   * @throws {IpcError} ERR_IPC_EXISTS; ERR_IPC_LIMIT (naming the limit and what raises it); ERR_IPC_PERMISSION.
   */
  static create(name: string, options: PosixQueueCreateOptions = {}): PosixQueue {
    return createQueue(name, checkOptions(options));
  }

  /**
   * Opens a queue that exists, and checks the sizes asked for against it.
   *
   * @throws {TypeError} The name or an option. @throws {RangeError} A size that is no positive integer.
   * @throws {IpcError} ERR_IPC_NOT_FOUND; ERR_IPC_MISMATCH (naming both sizes, or too small for `spillBytes`); ERR_IPC_PERMISSION.
   */
  static open(name: string, options: PosixQueueOpenOptions = {}): PosixQueue {
    return openQueue(name, checkOptions(options));
  }

  /** Opens the queue, or creates it when there is none; free of races with others who do the same. Errors as of both. */
  static openOrCreate(name: string, options: PosixQueueCreateOptions = {}): PosixQueue {
    const checked = checkOptions(options);
    for (let attempt = 1; ; attempt++) {
      try {
        return openQueue(name, checked);
      } catch (error) {
        if (!(error instanceof IpcError) || error.code !== 'ERR_IPC_NOT_FOUND') throw error;
      }
      try {
        return createQueue(name, checked);
      } catch (error) {
        if (!(error instanceof IpcError) || error.code !== 'ERR_IPC_EXISTS' || attempt === openAttempts)
          throw error;
      }
    }
  }

  /**
   * Removes a queue's name; returns false when there is none. When nobody has the queue open, what nobody received goes at once,
   * spilled payloads included; otherwise with the last handle. @throws {IpcError} ERR_IPC_PERMISSION.
   */
  static unlink(name: string): boolean {
    const queueName = posixQueueName(name);
    const fd = openIfPossible(queueName);
    try {
      return unlinkQueue(queueName);
    } finally {
      if (fd !== undefined)
        closeWithSpill(fd, () => {
          letGo(fd);
        });
    }
  }

  /**
   * Removes what killed processes left in shared memory: spilled payloads whose queue nobody has open and that is gone or empty.
   * Those of a queue that is in use stay until it is not.
   *
   * @returns How many there were. @throws {IpcError} As {@link PosixQueue.list}.
   * Cost: two looks at every fd of every process this user may see.
   */
  static reclaim(): number {
    return reclaimSpilled();
  }

  /** What the kernel allows, read now. */
  static limits(): PosixQueueLimits {
    return posixQueueLimits();
  }

  /** Bytes of RLIMIT_MSGQUEUE (`limits().maxUserBytes`) that a queue of this size takes. */
  static chargedBytes(maxMessages: number, maxMessageBytes: number): number {
    return chargedBytes(maxMessages, maxMessageBytes);
  }

  /** The queues of this system and who has them open; see {@link listPosixQueues}. */
  static list(): PosixQueueInfo[] {
    return listPosixQueues();
  }
}

/**
 * A queue without a name, for a peer that is handed the descriptor: nobody else can open it, and it goes with its
 * last descriptor. The name it is born with is random and lives for two system calls.
 */
export function createUnlinkedQueue(maxMessages: number, maxMessageBytes: number): PosixDescriptor {
  const name = `/ipc-${randomUUID()}`;
  const descriptor = createDescriptor(
    name,
    { access: 'both', mode: 0o600, maxMessages, maxMessageBytes, spillBytes: undefined },
    privateReadAhead,
  );
  unlinkQueue(name);
  return descriptor;
}

interface CheckedOptions {
  readonly access: 'both' | 'send' | 'receive';
  readonly mode: number;
  readonly maxMessages: number | undefined;
  readonly maxMessageBytes: number | undefined;
  readonly spillBytes: number | undefined;
}

function checkOptions({
  access = 'both',
  mode = 0o600,
  maxMessages,
  maxMessageBytes,
  spillBytes,
}: PosixQueueCreateOptions): CheckedOptions {
  if (!Object.hasOwn(accessFlags, access))
    throw new TypeError(`access must be 'both', 'send' or 'receive', got ${JSON.stringify(access)}`);
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777)
    throw new RangeError(`mode must be permission bits 0..0o777, got ${mode}`);
  for (const [key, value] of Object.entries({ maxMessages, maxMessageBytes, spillBytes })) {
    if (value !== undefined && (!Number.isInteger(value) || value < 1))
      throw new RangeError(`${key} must be a positive integer, got ${value}`);
  }
  if (spillBytes !== undefined && maxMessageBytes !== undefined && maxMessageBytes < SPILL_REFERENCE_BYTES)
    throw new RangeError(
      `maxMessageBytes must be ${SPILL_REFERENCE_BYTES} or more with spillBytes, got ${maxMessageBytes}`,
    );
  return { access, mode, maxMessages, maxMessageBytes, spillBytes };
}

function createQueue(name: string, options: CheckedOptions): PosixQueue {
  return new PosixQueue(new PosixPort(createDescriptor(name, options), posixQueueName(name), options), name);
}

function createDescriptor(
  name: string,
  { access, mode, ...sizes }: CheckedOptions,
  readAhead?: number,
): PosixDescriptor {
  const queueName = posixQueueName(name);
  const limits = posixQueueLimits();
  const maxMessages = sizes.maxMessages ?? Math.min(limits.defaultMessages, limits.maxMessages);
  const messageBytes = sizes.maxMessageBytes ?? Math.min(limits.defaultMessageBytes, limits.maxMessageBytes);
  let fd: number;
  try {
    fd = mqOpen(
      queueName,
      accessFlags[access] | constants.O_CREAT | constants.O_EXCL,
      mode,
      maxMessages,
      messageBytes,
    );
  } catch (error) {
    throw explainOpenFailure(error, 'create queue', queueName, maxMessages, messageBytes);
  }
  try {
    fchmodSync(fd, mode); // the umask may have taken bits away
    return new PosixDescriptor(fd, readAhead);
  } catch (error) {
    letGo(fd);
    unlinkQueue(queueName);
    throw fromErrno(error, 'create queue', queueName);
  }
}

function openQueue(name: string, options: CheckedOptions): PosixQueue {
  const queueName = posixQueueName(name);
  let fd: number;
  try {
    fd = mqOpen(queueName, accessFlags[options.access], 0);
  } catch (error) {
    throw fromErrno(error, 'open queue', queueName);
  }
  try {
    const descriptor = new PosixDescriptor(fd);
    const actual = descriptor.attributes();
    checkSize(queueName, 'maxMessages', options.maxMessages, actual.maxMessages);
    checkSize(queueName, 'maxMessageBytes', options.maxMessageBytes, actual.messageBytes);
    return new PosixQueue(new PosixPort(descriptor, queueName, options), name);
  } catch (error) {
    letGo(fd);
    throw error;
  }
}

function checkSize(name: string, size: string, wanted: number | undefined, actual: number): void {
  if (wanted === undefined || wanted === actual) return;
  const message = `open queue "${name}": it exists with ${size} ${actual}, not ${wanted}; open it without, or unlink it first`;
  throw new IpcError('ERR_IPC_MISMATCH', message, { name });
}

/** `undefined` when it may not be read, or is not there: who unlinks will hear of it. */
function openIfPossible(queueName: string): number | undefined {
  try {
    return mqOpen(queueName, constants.O_RDONLY, 0);
  } catch {
    return undefined;
  }
}

function unlinkQueue(queueName: string): boolean {
  try {
    mqUnlink(queueName);
    return true;
  } catch (error) {
    const failure = fromErrno(error, 'unlink queue', queueName);
    if (failure.code === 'ERR_IPC_NOT_FOUND') return false;
    throw failure;
  }
}

class PosixPort implements QueuePort {
  readonly traits: QueueTraits = traits;
  readonly maxMessageBytes: number;
  readonly #descriptor: PosixDescriptor;
  readonly #name: string;
  readonly #access: CheckedOptions['access'];
  readonly #spill: PosixSpill | undefined;
  #open = true;

  /** @throws {IpcError} ERR_IPC_MISMATCH: messages too small for `spillBytes`; the descriptor stays the caller's. */
  constructor(descriptor: PosixDescriptor, name: string, { access, spillBytes }: CheckedOptions) {
    this.#descriptor = descriptor;
    this.#name = name;
    this.#access = access;
    this.#spill = spillBytes === undefined ? undefined : new PosixSpill(descriptor, spillBytes, name);
    this.maxMessageBytes = this.#spill?.maxBytes ?? descriptor.messageBytes;
  }

  attach(events: QueueEvents): void {
    this.#descriptor.attach({
      onReadable: () => {
        events.ready();
      },
      onWritable: () => {
        events.room();
      },
    });
  }

  push(message: Uint8Array, priority: number): boolean {
    if (this.#access === 'receive') throw new TypeError('this queue was opened for receiving only');
    if (this.#spill?.takes(message) === true) return this.#spill.send(message, priority);
    return this.#descriptor.send(message, priority);
  }

  pull(): QueueMessage | undefined {
    if (this.#access === 'send') throw new TypeError('this queue was opened for sending only');
    const descriptor = this.#descriptor;
    if (!descriptor.receive()) return undefined;
    const { memory } = descriptor;
    const bytes = memory.take();
    return { bytes: this.#spill?.resolve(bytes) ?? bytes, priority: memory.priority };
  }

  awaitRoom(on: boolean): void {
    this.#descriptor.wantRoom(on);
  }

  awaitMessage(on: boolean): void {
    this.#descriptor.wantMessage(on);
  }

  blockForRoom(timeoutMs: number): void {
    this.#descriptor.blockForRoom(timeoutMs);
  }

  blockForMessage(timeoutMs: number): void {
    this.#descriptor.blockForMessage(timeoutMs);
  }

  attributes(): QueueAttributes {
    const { maxMessages, messageBytes, currentMessages } = this.#descriptor.attributes();
    const maxMessageBytes = this.#spill?.maxBytes ?? messageBytes;
    return { maxMessages, maxMessageBytes, messages: currentMessages };
  }

  unlink(): boolean {
    return unlinkQueue(this.#name);
  }

  release(): void {
    if (!this.#open) return;
    this.#open = false;
    const descriptor = this.#descriptor;
    if (this.#spill === undefined) descriptor.close();
    else
      closeWithSpill(descriptor.fd, () => {
        descriptor.close();
      });
  }
}
