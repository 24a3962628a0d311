/**
 * Structs in shared memory, declared once: typed accessors here, the same struct as C and Python text for others.
 *
 * Fields lie in the order given, each at a multiple of its own size, as a C compiler lays them out on every 64-bit
 * Linux; everything is little-endian.
 */
import { createHash } from 'node:crypto';
import { accessorsOf } from './layout-accessors.ts';
import { alignUp, place, type Fields, type Struct } from './layout-fields.ts';
import { toC, toPython } from './layout-source.ts';
import type { LayoutIdentity } from './region-header.ts';

export type { Fields, FieldType, Struct, StructPlace } from './layout-fields.ts';

/** A struct's layout. */
export interface Layout<F extends Fields> extends LayoutIdentity {
  /** Size of one struct, a multiple of its alignment: what an array of them steps by. */
  readonly bytes: number;
  readonly alignment: number;
  readonly offsets: Readonly<Record<keyof F, number>>;
  /** The layout in words, one field a line: `price: f64 @ 0`. */
  readonly text: string;
  /** SHA-256 of `text`, for a region's header: two programs that disagree get ERR_IPC_MISMATCH at open. */
  readonly hash: Uint8Array;
  /**
   * Accessors over a view. @throws {RangeError} `offset` is not aligned, or the struct does not fit.
   * Cost: one object; reading and writing numbers allocates nothing. Single fields are not atomic together.
   */
  at(view: DataView, offset?: number): Struct<F>;
  /** A C11 header that declares the struct and checks its offsets. @throws {TypeError} A name that C or Python reserves. */
  toC(name: string): string;
  /** A Python `ctypes.LittleEndianStructure`. @throws {TypeError} As `toC`. */
  toPython(name: string): string;
}

/**
 * Declares a struct.
 *
 * @throws {TypeError} A field of unknown type, or a name that is no C identifier. @throws {RangeError} A bad array length.
 */
export function layout<const F extends Fields>(fields: F): Layout<F> {
  const placed = place(fields);
  const alignment = Math.max(1, ...placed.map(({ scalar }) => scalar?.bytes ?? 1));
  const last = placed.at(-1);
  const bytes = alignUp((last?.offset ?? 0) + (last?.bytes ?? 0), alignment);
  const text = [
    ...placed.map(({ name, type, offset }) => `${name}: ${type} @ ${offset}`),
    `size ${bytes}`,
  ].join('\n');
  const Accessors = accessorsOf(placed, bytes, alignment);
  return {
    bytes,
    alignment,
    offsets: Object.fromEntries(placed.map(({ name, offset }) => [name, offset])) as Record<keyof F, number>,
    text,
    hash: new Uint8Array(createHash('sha256').update(text).digest()),
    at: (view, offset = 0) => new Accessors(view, offset) as unknown as Struct<F>,
    toC: (name) => toC(name, placed, bytes),
    toPython: (name) => toPython(name, placed),
  };
}
