/**
 * What goes through a queue in place of a message that is too long for it, little-endian:
 *
 *    0                                 16           24             32
 *   +---------------------------------+------------+--------------+
 *   | magic, 16 bytes                 | id, u64    | length, u64  |
 *   +---------------------------------+------------+--------------+
 *
 * The payload is the region `DEVICE-INODE-ID` of kind `mq-spill`: device and inode number of the queue, so that a reference
 * leads to payloads of the queue it came out of and to nothing else, and the id, all in hexadecimal.
 *
 * A priority bit would not do as the mark: priorities are all the users', and a bit below them would break the order within
 * a priority. So the mark is the magic, and whoever spills also spills what looks like a reference.
 * Normative: docs/wire-formats/posix-spill.md.
 */
export const SPILL_REFERENCE_BYTES = 32;
/** Drawn at random, once. */
const magic = Buffer.from('9f1c6a52e07b4d0e8f35c1d2a4b86e73', 'hex');
const idAt = 16;
const lengthAt = 24;

export interface SpillReference {
  readonly id: bigint;
  /** Of the payload, in bytes. */
  readonly length: number;
}

/** Whether a message is a reference, or must not go through the queue as it is because it would be taken for one. */
export function looksLikeSpillReference(message: Uint8Array): boolean {
  return message.length === SPILL_REFERENCE_BYTES && magic.equals(message.subarray(0, idAt));
}

export function encodeSpillReference({ id, length }: SpillReference): Uint8Array {
  const bytes = Buffer.alloc(SPILL_REFERENCE_BYTES);
  magic.copy(bytes);
  bytes.writeBigUInt64LE(id, idAt);
  bytes.writeBigUInt64LE(BigInt(length), lengthAt);
  return bytes;
}

/** @param message - One that {@link looksLikeSpillReference}. A length beyond 2^53 is not exact, and longer than any region. */
export function decodeSpillReference(message: Uint8Array): SpillReference {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  return { id: view.getBigUint64(idAt, true), length: Number(view.getBigUint64(lengthAt, true)) };
}
