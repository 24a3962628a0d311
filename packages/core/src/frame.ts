/**
 * Length-prefixed frames for byte streams (pipes, stream sockets).
 *
 *    0       1       2       3       4              4 + length
 *   +-------+-------+-------+-------+------- - - - -+
 *   |     payload length, u32 LE    |  payload      |
 *   +-------+-------+-------+-------+------- - - - -+
 *
 * The largest lengths carry no payload. 0xFFFFFFFF means "closed cleanly": it is what lets
 * a reader tell a peer that finished (C5) from one that was killed (C7). Nothing
 * follows it. 0xFFFFFFFE asks for a receipt, and 0xFFFFFFFD, the other way, is one. 0xFFFFFFFC ends this direction and
 * leaves the other (C15). 0xFFFFFE00 + n says that n descriptors
 * came with its first byte, for the message behind it. Normative text and test vectors: docs/wire-formats/frame.md.
 */

export const FRAME_HEADER_BYTES = 4;

/** The length field of the frame that ends a stream. */
export const GOODBYE = 0xffff_ffff;

/** The length field of the frame that asks to be told once everything before it has been taken. */
export const ASK = 0xffff_fffe;

/** The length field of the frame that answers one {@link ASK}. */
export const RECEIPT = 0xffff_fffd;

/** The length field of the frame behind which no message follows, though its sender goes on receiving. */
export const END = 0xffff_fffc;

/** The length field of a frame that brings n of {@link Attachments} is this and n, which is below 256. */
export const ATTACHED = 0xffff_fe00;

/** How many a length field brings; 0 when it says something else. */
export function attachedCount(length: number): number {
  return length > ATTACHED && length <= ATTACHED + MOST_ATTACHED ? length - ATTACHED : 0;
}

/** With one message at most. */
const MOST_ATTACHED = 0xff;

/** Limit of a message where the caller sets none: 16 MiB. */
export const DEFAULT_MAX_MESSAGE_BYTES: number = 16 << 20;

/** Writes a header. `payloadBytes` is below {@link ATTACHED}, or what has none: {@link GOODBYE}, {@link ASK}, {@link RECEIPT}, {@link END}. */
export function writeFrameHeader(target: Uint8Array, offset: number, payloadBytes: number): void {
  target[offset] = payloadBytes;
  target[offset + 1] = payloadBytes >>> 8;
  target[offset + 2] = payloadBytes >>> 16;
  target[offset + 3] = payloadBytes >>> 24;
}

/** Reads the length field at `offset`, which the caller has checked to be whole. */
export function readFrameHeader(source: Uint8Array, offset: number): number {
  const low = (source[offset] ?? 0) | ((source[offset + 1] ?? 0) << 8);
  const high = (source[offset + 2] ?? 0) | ((source[offset + 3] ?? 0) << 8);
  return (low | (high << 16)) >>> 0;
}

/** Checks a limit given by a caller. */
export function checkMaxMessageBytes(maxMessageBytes: number): number {
  if (!Number.isInteger(maxMessageBytes) || maxMessageBytes < 1 || maxMessageBytes >= ATTACHED) {
    throw new RangeError(`maxMessageBytes must be an integer in 1..${ATTACHED - 1}, got ${maxMessageBytes}`);
  }
  return maxMessageBytes;
}
