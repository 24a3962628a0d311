/** Message sizes as people write them. */
import { LEAST_MESSAGE_BYTES, MOST_MESSAGE_BYTES } from './message-format.ts';

const units = new Map([
  ['', 1],
  ['k', 1 << 10],
  ['m', 1 << 20],
]);

/**
 * `64`, `1k`, `64k`, `1m` to bytes.
 * @throws {RangeError} Not of this form, or out of range.
 */
export function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([km]?)i?b?$/i.exec(text.trim()) ?? [];
  const bytes = Number(digits) * (units.get(unit.toLowerCase()) ?? NaN);
  if (!(bytes >= LEAST_MESSAGE_BYTES && bytes <= MOST_MESSAGE_BYTES)) {
    throw new RangeError(
      `a message size is a number from ${LEAST_MESSAGE_BYTES} to 64m such as 64, 1k or 1m, not ${text}`,
    );
  }
  return bytes;
}

/** 65536 is `64 KiB`. */
export function formatSize(bytes: number): string {
  if (bytes >= 1 << 20 && bytes % (1 << 20) === 0) return `${bytes / (1 << 20)} MiB`;
  if (bytes >= 1 << 10 && bytes % (1 << 10) === 0) return `${bytes / (1 << 10)} KiB`;
  return `${bytes} B`;
}
