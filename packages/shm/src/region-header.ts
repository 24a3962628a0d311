/**
 * The first 128 bytes of every region: what it is, so that an opener knows before it touches anything else.
 *
 *    0 +----------------+----------------+----------------+----------------+
 *      | magic "IPCR"   | header version | byte order     | layout version |   u32 each, little-endian
 *   16 +----------------+----------------+----------------+----------------+
 *      | kind: up to 16 ASCII characters, padded with zeros                |
 *   32 +---------------------------------+---------------------------------+
 *      | payload bytes, u64              | generation, random u64          |
 *   48 +----------------+----------------+---------------------------------+
 *      | creator pid    | flags          | layout hash: 32 bytes, or zeros |
 *   88 +----------------+----------------+----------------+----------------+
 *      | layout bytes   | reserved, zeros ...             | CRC-32 of 0..123 |
 *  128 +----------------+---------------------------------+----------------+
 *      | payload ...
 *      +-----------------------------------------------------------------...
 *      | the layout's text, ASCII
 *
 * Nothing of it changes after creation; the checksum tells a damaged header from a foreign one.
 * Normative: docs/wire-formats/region.md.
 */
import { createHash, randomFillSync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { IpcError } from '@ipc/core';
import { layoutDifference } from './layout-difference.ts';

/** Where the payload starts: a multiple of two cache lines, because processors prefetch lines in pairs. */
export const REGION_HEADER_BYTES = 128;
const HEADER_VERSION = 1;
const MAGIC = 0x52435049;
const BYTE_ORDER_MARK = 0x01020304;
const CHECKSUM_AT = 124;
const LAYOUT_HASH_AT = 56;
const LAYOUT_HASH_BYTES = 32;
const LAYOUT_BYTES_AT = 88;
const LAYOUT_BYTES_MAX = 1 << 20;

/** The region ends with its last user: whoever closes last removes the name. */
export const FLAG_WHILE_OPEN = 1;

/** What identifies a region's content; two programs share a region only if they agree on it. */
export interface RegionIdentity {
  /** Names the structure inside, up to 16 of `a-z 0-9 -`; also the suffix of the object's name. */
  readonly kind: string;
  /** Of the structure's layout. @default 1 */
  readonly version?: number | undefined;
  /** What the payload is made of, as a {@link layout} says; kept in the region, and checked at open by who gives one. */
  readonly layout?: LayoutIdentity | undefined;
}

/** What tells one layout from others. Every `Layout` is one. */
export interface LayoutIdentity {
  readonly text: string;
  /** SHA-256 of `text`. */
  readonly hash: Uint8Array;
}

export interface RegionHeader {
  readonly kind: string;
  readonly version: number;
  readonly bytes: number;
  /** 16 hexadecimal digits: no two regions that ever had the same name share them. */
  readonly generation: string;
  readonly creatorPid: number;
  readonly whileOpen: boolean;
  readonly layoutHash: Uint8Array;
  /** Length of the layout's text, which follows the payload. */
  readonly layoutBytes: number;
  /** Empty when the region has no layout. */
  readonly layoutText: string;
}

/** Checks a kind and returns it. @throws {TypeError} Not 1–16 of `a-z 0-9 -` starting with a letter. */
export function checkKind(kind: string): string {
  if (typeof kind !== 'string' || !/^[a-z][a-z0-9-]{0,15}$/.test(kind)) {
    throw new TypeError(`invalid kind ${JSON.stringify(kind)}: 1-16 of a-z 0-9 -, starting with a letter`);
  }
  return kind;
}

/** Checks a payload size and returns it. @throws {RangeError} */
function checkRegionBytes(bytes: number): number {
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > 2 ** 47) {
    throw new RangeError(`bytes must be an integer in 1..2^47, got ${bytes}`);
  }
  return bytes;
}

/** The size of a region's file. @throws {RangeError} A layout of more than 1 MiB of text. */
export function regionFileBytes(bytes: number, layout: LayoutIdentity | undefined): number {
  const layoutBytes = layout?.text.length ?? 0;
  if (layoutBytes > LAYOUT_BYTES_MAX)
    throw new RangeError(`layout: its text may have ${LAYOUT_BYTES_MAX} bytes, got ${layoutBytes}`);
  return REGION_HEADER_BYTES + checkRegionBytes(bytes) + layoutBytes;
}

/** Writes the header and the layout's text of a new region into `file`, which is all zeros. */
export function writeRegionHeader(
  file: Uint8Array,
  { kind, version = 1, layout }: RegionIdentity,
  bytes: number,
  flags: number,
): void {
  const view = new DataView(file.buffer, file.byteOffset, REGION_HEADER_BYTES);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, HEADER_VERSION, true);
  view.setUint32(8, BYTE_ORDER_MARK, true);
  view.setUint32(12, version, true);
  file.set(Buffer.from(checkKind(kind), 'latin1'), 16);
  view.setBigUint64(32, BigInt(bytes), true);
  file.set(randomFillSync(new Uint8Array(8)), 40);
  view.setUint32(48, process.pid, true);
  view.setUint32(52, flags, true);
  if (layout !== undefined) {
    file.set(layout.hash.subarray(0, LAYOUT_HASH_BYTES), LAYOUT_HASH_AT);
    view.setUint32(LAYOUT_BYTES_AT, layout.text.length, true);
    file.set(Buffer.from(layout.text, 'latin1'), REGION_HEADER_BYTES + bytes);
  }
  view.setUint32(CHECKSUM_AT, crc32(file.slice(0, CHECKSUM_AT)), true);
}

/**
 * Reads and checks a header.
 *
 * @param header - The object's first 128 bytes, a private copy. @param fileBytes - The object's size.
 * @param unit - What that size is a multiple of: the size of a huge page, or 1.
 * @throws {IpcError} ERR_IPC_MISMATCH when it is something else; ERR_IPC_CORRUPT when it is damaged.
 */
export function readRegionHeader(
  header: Uint8Array,
  fileBytes: number,
  unit: number,
  label: string,
): RegionHeader {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (header.byteLength < REGION_HEADER_BYTES || view.getUint32(0, true) !== MAGIC) {
    throw new IpcError('ERR_IPC_MISMATCH', `${label} is not a region: it does not start with "IPCR"`);
  }
  const byteOrder = view.getUint32(8, true);
  if (byteOrder !== BYTE_ORDER_MARK) {
    throw new IpcError(
      'ERR_IPC_MISMATCH',
      `${label} was made with another byte order (mark 0x${byteOrder.toString(16)}, here 0x${BYTE_ORDER_MARK.toString(16)})`,
    );
  }
  const headerVersion = view.getUint32(4, true);
  if (headerVersion !== HEADER_VERSION) {
    throw new IpcError(
      'ERR_IPC_MISMATCH',
      `${label} has header version ${headerVersion}; this program reads ${HEADER_VERSION}`,
    );
  }
  if (crc32(header.subarray(0, CHECKSUM_AT)) !== view.getUint32(CHECKSUM_AT, true)) {
    throw new IpcError('ERR_IPC_CORRUPT', `${label}: the header is damaged (checksum)`);
  }
  const bytes = Number(view.getBigUint64(32, true));
  const layoutBytes = view.getUint32(LAYOUT_BYTES_AT, true);
  const expected = Math.ceil((REGION_HEADER_BYTES + bytes + layoutBytes) / unit) * unit;
  if (fileBytes !== expected) {
    throw new IpcError('ERR_IPC_CORRUPT', `${label} has ${fileBytes} bytes, and its header says ${expected}`);
  }
  if (layoutBytes > LAYOUT_BYTES_MAX) {
    throw new IpcError('ERR_IPC_CORRUPT', `${label}: the header says ${layoutBytes} bytes of layout`);
  }
  const flags = view.getUint32(52, true);
  return {
    kind: String.fromCharCode(...header.subarray(16, 32)).replace(/\0+$/, ''),
    version: view.getUint32(12, true),
    bytes,
    generation: view.getBigUint64(40, true).toString(16).padStart(16, '0'),
    creatorPid: view.getUint32(48, true),
    whileOpen: (flags & FLAG_WHILE_OPEN) !== 0,
    layoutHash: header.slice(LAYOUT_HASH_AT, LAYOUT_HASH_AT + LAYOUT_HASH_BYTES),
    layoutBytes,
    layoutText: '',
  };
}

/** The text behind the payload, if it is what the header's hash says. @throws {IpcError} ERR_IPC_CORRUPT. */
export function readLayoutText(text: Uint8Array, { layoutHash }: RegionHeader, label: string): string {
  if (Buffer.compare(createHash('sha256').update(text).digest(), layoutHash) !== 0) {
    throw new IpcError('ERR_IPC_CORRUPT', `${label}: the layout's text is damaged (checksum)`);
  }
  return Buffer.from(text).toString('latin1');
}

/** @throws {IpcError} ERR_IPC_MISMATCH with the difference in words. */
export function checkIdentity(
  header: RegionHeader,
  { kind, version = 1, layout }: RegionIdentity,
  label: string,
): void {
  const differences: string[] = [];
  if (header.kind !== kind) differences.push(`kind is "${header.kind}", expected "${kind}"`);
  if (header.version !== version)
    differences.push(`layout version is ${header.version}, expected ${version}`);
  if (layout !== undefined && Buffer.compare(header.layoutHash, layout.hash) !== 0)
    differences.push(...layoutDifference(header.layoutText, layout.text));
  if (differences.length > 0) throw new IpcError('ERR_IPC_MISMATCH', `${label}: ${differences.join('; ')}`);
}
