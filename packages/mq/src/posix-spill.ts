import { randomBytes } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { IpcError, isIpcError } from '@ipc/core';
import { Region } from '@ipc/shm';
import type { PosixDescriptor } from './posix-descriptor.ts';
import { lookAtPosixQueues, posixQueueHolders } from './posix-queue-list.ts';
import {
  decodeSpillReference,
  encodeSpillReference,
  looksLikeSpillReference,
  SPILL_REFERENCE_BYTES,
} from './posix-spill-reference.ts';

const identity = { kind: 'mq-spill', version: 1 };

/** Payloads of one queue that are too long for it, in shared memory; see posix-spill-reference.ts. */
export class PosixSpill {
  /** Bytes one message has at most. */
  readonly maxBytes: number;
  readonly #descriptor: PosixDescriptor;
  readonly #queue: QueueFile;

  /** @throws {IpcError} ERR_IPC_MISMATCH: not even a reference fits into a message of this queue. */
  constructor(descriptor: PosixDescriptor, spillBytes: number, label: string) {
    const { messageBytes } = descriptor;
    if (messageBytes < SPILL_REFERENCE_BYTES) {
      const message = `queue "${label}" has maxMessageBytes ${messageBytes}; with spillBytes it must be ${SPILL_REFERENCE_BYTES} or more`;
      throw new IpcError('ERR_IPC_MISMATCH', message, { name: label });
    }
    this.maxBytes = Math.max(spillBytes, messageBytes);
    this.#descriptor = descriptor;
    this.#queue = queueFile(descriptor.fd);
  }

  /** Whether a message goes this way and not through the queue itself. */
  takes(message: Uint8Array): boolean {
    return message.length > this.#descriptor.messageBytes || looksLikeSpillReference(message);
  }

  /**
   * Puts the payload into a region and a reference to it into the queue; false, and nothing is left, when the queue is full.
   * Who dies in between leaves a region that nobody refers to.
   */
  send(message: Uint8Array, priority: number): boolean {
    const { currentMessages, maxMessages } = this.#descriptor.attributes();
    if (currentMessages >= maxMessages) return false; // spares the copy; the queue has the last word
    const id = randomBytes(8).readBigUInt64LE();
    const name = this.#regionName(id);
    Region.create(name, {
      ...identity,
      bytes: message.length,
      initialise: ({ bytesView }) => {
        bytesView.set(message);
      },
    }).close();
    let isSent = false;
    try {
      isSent = this.#descriptor.send(encodeSpillReference({ id, length: message.length }), priority);
    } finally {
      if (!isSent) Region.unlink(name, identity.kind);
    }
    return isSent;
  }

  /**
   * What a message stands for: itself, or the payload it refers to, whose region is removed.
   *
   * @throws {IpcError} ERR_IPC_CORRUPT: no such payload, or it is not what the reference says; ERR_IPC_TOO_LARGE;
   *   ERR_IPC_PERMISSION: it is another user's. Then nothing is removed.
   */
  resolve(message: Uint8Array): Uint8Array {
    if (!looksLikeSpillReference(message)) return message;
    const { id, length } = decodeSpillReference(message);
    const name = this.#regionName(id);
    if (length > this.maxBytes)
      throw new IpcError(
        'ERR_IPC_TOO_LARGE',
        `spilled message of ${length} bytes exceeds this queue's limit, which is ${this.maxBytes}: open the queue with a larger spillBytes`,
      );
    const region = openPayload(name);
    try {
      if (region.bytes !== length)
        throw corrupt(`a reference to ${length} bytes leads to a region of ${region.bytes}`);
      const bytes = region.bytesView.slice();
      region.assertIntact();
      if (!Region.unlink(name, identity.kind)) throw corrupt('somebody else has taken the payload');
      return bytes;
    } finally {
      region.close();
    }
  }

  #regionName(id: bigint): string {
    return regionPrefix(this.#queue) + id.toString(16).padStart(16, '0');
  }
}

/**
 * Closes a queue's descriptor; if that leaves an unlinked queue to nobody, the payloads of what nobody received go with it.
 *
 * @param close - Closes `fd`.
 */
export function closeWithSpill(fd: number, close: () => void): void {
  const queue = queueFile(fd);
  close();
  if (queue.isLinked) return;
  const names = payloadNames().filter((name) => name.startsWith(regionPrefix(queue)));
  if (names.length > 0 && !posixQueueHolders(queue.device).has(queue.inode)) removePayloads(names);
}

/**
 * Removes what killed processes left: the payloads of queues that nobody has open and that are gone, or empty.
 *
 * Who has a queue open may be about to send or to receive a reference. So a payload goes only if its queue was held by nobody,
 * then gone or empty, then still held by nobody: whoever could refer to it would have been seen at one of the three.
 *
 * @returns How many it were.
 */
export function reclaimSpilled(): number {
  const names = payloadNames(); // before the first look: later ones may have a sender it has not seen
  const { device, holdersBefore, queues } = lookAtPosixQueues();
  const filled = queues.filter(({ bytes }) => bytes !== 0).map(({ inode }) => inode);
  const inUse = new Set([...holdersBefore.keys(), ...filled, ...posixQueueHolders(device).keys()]);
  return removePayloads(
    names.filter((name) => {
      const [ofDevice, inode = 0] = name.split('-').map((part) => parseInt(part, 16));
      return ofDevice === device && !inUse.has(inode); // queues of another device are another IPC namespace's
    }),
  );
}

/** What tells a queue from all others of this system, as long as somebody has it open or it has a name. */
interface QueueFile {
  readonly device: number;
  readonly inode: number;
  readonly isLinked: boolean;
}

function queueFile(fd: number): QueueFile {
  const { dev, ino, nlink } = fstatSync(fd);
  return { device: dev, inode: ino, isLinked: nlink > 0 };
}

function regionPrefix({ device, inode }: QueueFile): string {
  return `${device.toString(16)}-${inode.toString(16)}-`;
}

function payloadNames(): string[] {
  return Region.list()
    .filter(({ kind, name }) => kind === identity.kind && /^[0-9a-f]+-[0-9a-f]+-[0-9a-f]{16}$/.test(name))
    .map(({ name }) => name);
}

function removePayloads(names: readonly string[]): number {
  return names.filter((name) => Region.unlink(name, identity.kind)).length;
}

function openPayload(name: string): Region {
  try {
    return Region.open(name, { ...identity, readOnly: true });
  } catch (error) {
    if (isIpcError(error, 'ERR_IPC_NOT_FOUND')) throw corrupt('a reference leads to no payload', error);
    if (isIpcError(error, 'ERR_IPC_MISMATCH')) throw corrupt('a reference leads to something else', error);
    throw error;
  }
}

function corrupt(what: string, cause?: unknown): IpcError {
  return new IpcError('ERR_IPC_CORRUPT', `receive spilled message: ${what}`, { cause });
}
