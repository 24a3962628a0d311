/**
 * Records of many writers in one FIFO.
 *
 *    0       1       2       3       4              4 + length
 *   +-------+-------+-------+-------+------- - - - -+
 *   | length 0..4092 | flags, u32 LE|  payload      |      one write, at most PIPE_BUF = 4096 bytes
 *   +-------+-------+-------+-------+------- - - - -+
 *
 * The kernel never mixes writes of up to PIPE_BUF bytes, and takes them whole or not at all: a message that fits is one
 * record, FIRST and LAST at once, whoever else writes. Several of them may share one write.
 *
 * A larger message is a row of records, written under an exclusive OFD lock on the FIFO, so that no two rows mix: FIRST,
 * whose payload begins with the message's length as u32 LE, others, LAST. Small messages of others may come in between.
 * A writer that dies in a row gives up the lock; the FIRST of the next row tells the reader to drop what it has.
 * Normative text: docs/wire-formats/fifo.md.
 */
import { PIPE_BUF } from './pipe-buf.ts';

export const RECORD_HEADER_BYTES = 4;

/** The longest payload of one record, and so the longest message that needs no lock. */
export const RECORD_MAX_BYTES: number = PIPE_BUF - RECORD_HEADER_BYTES;

/** Length of a large message, at the start of its first record's payload. */
export const TOTAL_BYTES = 4;

/** The record that begins a message. */
export const FIRST = 0x8000_0000;
/** The record that ends a message. */
export const LAST = 0x4000_0000;

export function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value;
  target[offset + 1] = value >>> 8;
  target[offset + 2] = value >>> 16;
  target[offset + 3] = value >>> 24;
}

export function readU32(source: Uint8Array, offset: number): number {
  const low = (source[offset] ?? 0) | ((source[offset + 1] ?? 0) << 8);
  const high = (source[offset + 2] ?? 0) | ((source[offset + 3] ?? 0) << 8);
  return (low | (high << 16)) >>> 0;
}

/** The payload's length in a header; more than {@link RECORD_MAX_BYTES} when the header is damaged. */
export function recordLength(header: number): number {
  return (header & ~(FIRST | LAST)) >>> 0;
}
