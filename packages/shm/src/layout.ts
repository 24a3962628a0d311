/**
 * Structs in shared memory, declared once: typed accessors here, the same struct as C and Python text for others.
 *
 * Fields lie in the order given, each at a multiple of its own size, as a C compiler lays them out on every 64-bit
 * Linux; everything is little-endian.
 */
import { createHash } from 'node:crypto';

interface Scalar {
  readonly bytes: 1 | 2 | 4 | 8;
  readonly getter:
    | 'getInt8'
    | 'getUint8'
    | 'getInt16'
    | 'getUint16'
    | 'getInt32'
    | 'getUint32'
    | 'getBigInt64'
    | 'getBigUint64'
    | 'getFloat32'
    | 'getFloat64';
  readonly c: string;
  readonly python: string;
}

type ScalarType = 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'i64' | 'u64' | 'f32' | 'f64';

const scalars: Readonly<Record<ScalarType, Scalar>> = {
  i8: { bytes: 1, getter: 'getInt8', c: 'int8_t', python: 'c_int8' },
  u8: { bytes: 1, getter: 'getUint8', c: 'uint8_t', python: 'c_uint8' },
  i16: { bytes: 2, getter: 'getInt16', c: 'int16_t', python: 'c_int16' },
  u16: { bytes: 2, getter: 'getUint16', c: 'uint16_t', python: 'c_uint16' },
  i32: { bytes: 4, getter: 'getInt32', c: 'int32_t', python: 'c_int32' },
  u32: { bytes: 4, getter: 'getUint32', c: 'uint32_t', python: 'c_uint32' },
  i64: { bytes: 8, getter: 'getBigInt64', c: 'int64_t', python: 'c_int64' },
  u64: { bytes: 8, getter: 'getBigUint64', c: 'uint64_t', python: 'c_uint64' },
  f32: { bytes: 4, getter: 'getFloat32', c: 'float', python: 'c_float' },
  f64: { bytes: 8, getter: 'getFloat64', c: 'double', python: 'c_double' },
};

/** `utf8[16]`: text of at most 16 bytes, ended by a zero byte when shorter. `bytes[16]`: exactly 16 bytes. */
export type FieldType = ScalarType | `utf8[${number}]` | `bytes[${number}]`;
export type Fields = Readonly<Record<string, FieldType>>;

type FieldValue<T extends FieldType> = T extends 'i64' | 'u64'
  ? bigint
  : T extends ScalarType
    ? number
    : T extends `utf8[${number}]`
      ? string
      : Uint8Array;

/** One struct in memory: its fields as properties. */
export type Struct<F extends Fields> = { -readonly [K in keyof F]: FieldValue<F[K]> } & StructPlace;

/** Where a struct is; moving it along an array allocates nothing. */
export interface StructPlace {
  /** Byte offset in the view. */
  $offset: number;
}

interface PlacedField {
  readonly name: string;
  readonly type: FieldType;
  readonly offset: number;
  readonly bytes: number;
  readonly scalar: Scalar | undefined;
}

/** A struct's layout. */
export interface Layout<F extends Fields> {
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
  /** A C11 header that declares the struct and checks its offsets. */
  toC(name: string): string;
  /** A Python `ctypes.LittleEndianStructure`. */
  toPython(name: string): string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

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

function place(fields: Fields): PlacedField[] {
  let end = 0;
  return Object.entries(fields).map(([name, type]) => {
    if (!/^[A-Za-z_]\w*$/.test(name))
      throw new TypeError(`invalid field name ${JSON.stringify(name)}: letters, digits and _`);
    const scalar: Scalar | undefined = Object.hasOwn(scalars, type) ? scalars[type as ScalarType] : undefined;
    const bytes = scalar?.bytes ?? arrayBytes(name, type);
    const offset = alignUp(end, scalar?.bytes ?? 1);
    end = offset + bytes;
    return { name, type, offset, bytes, scalar };
  });
}

function arrayBytes(name: string, type: string): number {
  const [, digits] = /^(?:utf8|bytes)\[(\d+)\]$/.exec(type) ?? [];
  if (digits === undefined) throw new TypeError(`field ${name}: unknown type ${JSON.stringify(type)}`);
  const bytes = Number(digits);
  if (bytes < 1 || bytes > 2 ** 30)
    throw new RangeError(`field ${name}: a length must be in 1..2^30, got ${digits}`);
  return bytes;
}

function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/** A class with one accessor per field: V8 compiles each down to a load or store. */
function accessorsOf(
  fields: readonly PlacedField[],
  bytes: number,
  alignment: number,
): new (view: DataView, offset: number) => StructPlace {
  class Accessors implements StructPlace {
    readonly view: DataView;
    #offset = 0;

    constructor(view: DataView, offset: number) {
      this.view = view;
      this.$offset = offset;
    }

    get $offset(): number {
      return this.#offset;
    }

    set $offset(offset: number) {
      if (
        !Number.isInteger(offset) ||
        offset < 0 ||
        offset % alignment !== 0 ||
        offset + bytes > this.view.byteLength
      ) {
        throw new RangeError(
          `offset must be a multiple of ${alignment} in 0..${this.view.byteLength - bytes}, got ${offset}`,
        );
      }
      this.#offset = offset;
    }
  }
  for (const field of fields)
    Object.defineProperty(Accessors.prototype, field.name, { ...accessorOf(field), enumerable: true });
  return Accessors;
}

type Placed = StructPlace & { readonly view: DataView };

function accessorOf({ name, type, offset: at, bytes, scalar }: PlacedField): PropertyDescriptor {
  if (scalar !== undefined) return scalarAccessor(scalar, at);
  const slot = ({ view, $offset }: Placed): Uint8Array =>
    new Uint8Array(view.buffer, view.byteOffset + $offset + at, bytes);
  if (type.startsWith('bytes')) {
    return {
      get(this: Placed) {
        return slot(this).slice();
      },
      set(this: Placed, value: Uint8Array) {
        if (value.length !== bytes)
          throw new RangeError(`${name} holds exactly ${bytes} bytes, got ${value.length}`);
        slot(this).set(value);
      },
    };
  }
  return {
    get(this: Placed) {
      const own = slot(this).slice(); // TextDecoder refuses shared memory, and others may be writing
      const end = own.indexOf(0);
      return decoder.decode(end < 0 ? own : own.subarray(0, end));
    },
    set(this: Placed, value: string) {
      const encoded = encoder.encode(value);
      if (encoded.length > bytes)
        throw new RangeError(`${name} holds ${bytes} bytes, "${value}" takes ${encoded.length}`);
      slot(this).fill(0, encoded.length).set(encoded);
    },
  };
}

/** One literal method call per type, so that V8 sees which. */
function scalarAccessor({ getter }: Scalar, at: number): PropertyDescriptor {
  /* prettier-ignore */
  switch (getter) {
    case 'getInt8': return { get(this: Placed) { return this.view.getInt8(this.$offset + at); }, set(this: Placed, value: number) { this.view.setInt8(this.$offset + at, value); } };
    case 'getUint8': return { get(this: Placed) { return this.view.getUint8(this.$offset + at); }, set(this: Placed, value: number) { this.view.setUint8(this.$offset + at, value); } };
    case 'getInt16': return { get(this: Placed) { return this.view.getInt16(this.$offset + at, true); }, set(this: Placed, value: number) { this.view.setInt16(this.$offset + at, value, true); } };
    case 'getUint16': return { get(this: Placed) { return this.view.getUint16(this.$offset + at, true); }, set(this: Placed, value: number) { this.view.setUint16(this.$offset + at, value, true); } };
    case 'getInt32': return { get(this: Placed) { return this.view.getInt32(this.$offset + at, true); }, set(this: Placed, value: number) { this.view.setInt32(this.$offset + at, value, true); } };
    case 'getUint32': return { get(this: Placed) { return this.view.getUint32(this.$offset + at, true); }, set(this: Placed, value: number) { this.view.setUint32(this.$offset + at, value, true); } };
    case 'getBigInt64': return { get(this: Placed) { return this.view.getBigInt64(this.$offset + at, true); }, set(this: Placed, value: bigint) { this.view.setBigInt64(this.$offset + at, value, true); } };
    case 'getBigUint64': return { get(this: Placed) { return this.view.getBigUint64(this.$offset + at, true); }, set(this: Placed, value: bigint) { this.view.setBigUint64(this.$offset + at, value, true); } };
    case 'getFloat32': return { get(this: Placed) { return this.view.getFloat32(this.$offset + at, true); }, set(this: Placed, value: number) { this.view.setFloat32(this.$offset + at, value, true); } };
    case 'getFloat64': return { get(this: Placed) { return this.view.getFloat64(this.$offset + at, true); }, set(this: Placed, value: number) { this.view.setFloat64(this.$offset + at, value, true); } };
  }
}

function toC(name: string, fields: readonly PlacedField[], bytes: number): string {
  const declare = ({ name: field, scalar, bytes: length, type }: PlacedField): string =>
    scalar === undefined
      ? `${type.startsWith('utf8') ? 'char' : 'uint8_t'} ${field}[${length}]`
      : `${scalar.c} ${field}`;
  return [
    '#pragma once',
    '#include <assert.h>',
    '#include <stddef.h>',
    '#include <stdint.h>',
    '',
    `struct ${name} {`,
    ...fields.map((field) => `  ${declare(field)};`),
    '};',
    ...fields.map(
      (field) =>
        `static_assert(offsetof(struct ${name}, ${field.name}) == ${field.offset}, "${field.name}");`,
    ),
    `static_assert(sizeof(struct ${name}) == ${bytes}, "${name}");`,
    '',
  ].join('\n');
}

function toPython(name: string, fields: readonly PlacedField[]): string {
  const type = ({ scalar, bytes, type: own }: PlacedField): string =>
    scalar === undefined
      ? `ctypes.${own.startsWith('utf8') ? 'c_char' : 'c_uint8'} * ${bytes}`
      : `ctypes.${scalar.python}`;
  return [
    'import ctypes',
    '',
    '',
    `class ${name}(ctypes.LittleEndianStructure):`,
    '    _fields_ = [',
    ...fields.map((field) => `        ("${field.name}", ${type(field)}),`),
    '    ]',
    '',
  ].join('\n');
}
