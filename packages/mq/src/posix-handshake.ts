/**
 * What the listener says first on the rendezvous socket of a queue channel, little-endian:
 *
 *    0       4       6        8              12             16
 *   +-------+-------+--------+--------------+--------------+---------------------+
 *   | IPMQ  |version| status | max messages | message bytes| why, UTF-8, refused |
 *   +-------+-------+--------+--------------+--------------+---------------------+
 *
 * Status 0, accepted: two queue descriptors come with these bytes (SCM_RIGHTS), the one the client sends on
 * first. Status 1, refused: a text follows, then the end. Normative: docs/wire-formats/mq.md.
 */
import { IpcError, onAbort, peerGoneError, rejected } from '@ipc/core';
import { DISCONNECT, READABLE, receiveMessage, sendMessage, setNonBlocking, watch } from '@ipc/native';
import { letGo } from '@ipc/socket';
import { PosixDescriptor, privateReadAhead } from './posix-descriptor.ts';

const magic = 0x514d5049; // "IPMQ"
const version = 1;
const accepted = 0;
const refused = 1;
const headerBytes = 16;
const maxReasonBytes = 1024;

/** The two queues of a channel, as one end sees them. */
export interface QueuePair {
  readonly outgoing: PosixDescriptor;
  readonly incoming: PosixDescriptor;
}

/** The listener's word to a client: its queues. False when the client is gone already. */
export function sendQueues(socketFd: number, { outgoing, incoming }: QueuePair): boolean {
  const { maxMessages, messageBytes } = incoming.attributes();
  return say(socketFd, encodeHeader(accepted, maxMessages, messageBytes), [incoming.fd, outgoing.fd]);
}

/** The listener's word to a client it has no queues for, and why. */
export function sendRefusal(socketFd: number, reason: string): void {
  const text = new TextEncoder().encode(reason).subarray(0, maxReasonBytes);
  say(socketFd, Buffer.concat([encodeHeader(refused, 0, 0), text]), []);
}

/**
 * The client's two queues, checked.
 *
 * @throws {IpcError} ERR_IPC_LIMIT when the listener had no queues left, ERR_IPC_PEER_GONE when it is gone,
 *   ERR_IPC_MISMATCH for another version, ERR_IPC_CORRUPT for anything else. `signal.reason` on abort.
 */
export async function receiveQueues(socketFd: number, signal: AbortSignal | undefined): Promise<QueuePair> {
  await readable(socketFd, signal);
  const header = new Uint8Array(headerBytes);
  const { bytes, fds } = receiveMessage(socketFd, header, 0, headerBytes, 2);
  const adopted: PosixDescriptor[] = [];
  try {
    if (bytes === 0) throw peerGoneError('the listener is gone');
    const { messageBytes } = decodeHeader(header, bytes, socketFd);
    for (const fd of fds) adopted.push(adopt(fd, messageBytes));
    const [outgoing, incoming] = adopted;
    if (outgoing === undefined || incoming === undefined)
      throw corrupt(`${fds.length} descriptors instead of 2`);
    return { outgoing, incoming };
  } catch (error) {
    for (const queue of adopted) queue.close();
    for (const fd of fds.slice(adopted.length)) letGo(fd);
    throw error;
  }
}

/** Checks one of the received descriptors. A listener could have left it blocking: ours never wait. */
function adopt(fd: number, messageBytes: number): PosixDescriptor {
  let queue: PosixDescriptor;
  try {
    setNonBlocking(fd, true);
    queue = new PosixDescriptor(fd, privateReadAhead);
  } catch (error) {
    throw corrupt(`descriptor ${fd} is no queue`, error);
  }
  if (queue.messageBytes !== messageBytes) throw corrupt('a queue of another size than announced');
  return queue;
}

function encodeHeader(status: number, maxMessages: number, messageBytes: number): Uint8Array {
  const header = new Uint8Array(headerBytes);
  const view = new DataView(header.buffer);
  view.setUint32(0, magic, true);
  view.setUint16(4, version, true);
  view.setUint16(6, status, true);
  view.setUint32(8, maxMessages, true);
  view.setUint32(12, messageBytes, true);
  return header;
}

function decodeHeader(header: Uint8Array, bytes: number, socketFd: number): { messageBytes: number } {
  const view = new DataView(header.buffer);
  if (bytes !== headerBytes || view.getUint32(0, true) !== magic) throw corrupt('not a queue channel');
  const theirs = view.getUint16(4, true);
  if (theirs !== version)
    throw new IpcError(
      'ERR_IPC_MISMATCH',
      `handshake: the listener speaks version ${theirs}, this end ${version}`,
    );
  const status = view.getUint16(6, true);
  if (status === refused)
    throw new IpcError(
      'ERR_IPC_LIMIT',
      `the listener has no queues for this channel: ${readReason(socketFd)}`,
    );
  if (status !== accepted) throw corrupt(`unknown status ${status}`);
  return { messageBytes: view.getUint32(12, true) };
}

function readReason(socketFd: number): string {
  const text = new Uint8Array(maxReasonBytes);
  const { bytes } = receiveMessage(socketFd, text, 0, maxReasonBytes, 0);
  return new TextDecoder().decode(text.subarray(0, Math.max(0, bytes)));
}

function corrupt(detail: string, cause?: unknown): IpcError {
  return new IpcError('ERR_IPC_CORRUPT', `handshake: ${detail}`, { cause });
}

/** The socket is new and its buffer empty: what is said here always fits. */
function say(socketFd: number, bytes: Uint8Array, fds: readonly number[]): boolean {
  try {
    return sendMessage(socketFd, bytes, 0, bytes.length, fds) === bytes.length;
  } catch {
    return false; // the client is gone
  }
}

function readable(fd: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    signal?.throwIfAborted();
    const socketWatch = watch(fd, () => {
      stopListening?.();
      socketWatch.close();
      resolve();
    });
    const stopListening =
      signal &&
      onAbort(signal, () => {
        socketWatch.close();
        resolve(rejected(signal.reason));
      });
    socketWatch.update(READABLE | DISCONNECT);
  });
}
