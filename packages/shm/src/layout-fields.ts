/** The fields a struct is made of, and where each lies. */

export interface Scalar {
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

export interface PlacedField {
  readonly name: string;
  readonly type: FieldType;
  readonly offset: number;
  readonly bytes: number;
  readonly scalar: Scalar | undefined;
}

/** @throws {TypeError} @throws {RangeError} As `layout`. */
export function place(fields: Fields): PlacedField[] {
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

export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
