/**
 * How jobs and replies name each other: 16 bytes before the payload (docs/wire-formats/queue.md).
 *
 *   byte  0         4              8                    16
 *        +---------+--------------+--------------------+---------+
 *        | "IPCW"  | kind         | id, random         | payload |
 *        +---------+--------------+--------------------+---------+
 */
import { IpcError } from '@ipc/core';

const WORK_HEADER_BYTES = 16;
const MAGIC = 0x57435049;

export const JOB = 0;
export const RESULT = 1;
/** The payload is the error's message, UTF-8. */
export const FAILURE = 2;
export const PROGRESS = 3;

export interface WorkEnvelope {
  readonly kind: number;
  readonly id: bigint;
  readonly payload: Uint8Array;
}

export function encodeWork(kind: number, id: bigint, payload: Uint8Array): Uint8Array {
  const message = new Uint8Array(WORK_HEADER_BYTES + payload.length);
  const view = new DataView(message.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, kind, true);
  view.setBigUint64(8, id, true);
  message.set(payload, WORK_HEADER_BYTES);
  return message;
}

/** @throws {IpcError} ERR_IPC_CORRUPT: it is no such message. */
export function decodeWork(message: Uint8Array): WorkEnvelope {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.length < WORK_HEADER_BYTES || view.getUint32(0, true) !== MAGIC)
    throw new IpcError('ERR_IPC_CORRUPT', 'work queue: a message that is neither job nor reply');
  return {
    kind: view.getUint32(4, true),
    id: view.getBigUint64(8, true),
    payload: message.subarray(WORK_HEADER_BYTES),
  };
}
