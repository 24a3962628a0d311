import type { PlacedField, Scalar, StructPlace } from './layout-fields.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A class with one accessor per field: V8 compiles each down to a load or store. */
export function accessorsOf(
  fields: readonly PlacedField[],
  bytes: number,
  alignment: number,
): new (view: DataView, offset: number) => StructPlace {
  class Accessors implements StructPlace {
    readonly $view: DataView;
    #offset = 0;

    constructor(view: DataView, offset: number) {
      this.$view = view;
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
        offset + bytes > this.$view.byteLength
      ) {
        throw new RangeError(
          `offset must be a multiple of ${alignment} in 0..${this.$view.byteLength - bytes}, got ${offset}`,
        );
      }
      this.#offset = offset;
    }
  }
  for (const field of fields)
    Object.defineProperty(Accessors.prototype, field.name, { ...accessorOf(field), enumerable: true });
  return Accessors;
}

type Placed = StructPlace & { readonly $view: DataView };

function accessorOf({ name, type, offset: at, bytes, scalar }: PlacedField): PropertyDescriptor {
  if (scalar !== undefined) return scalarAccessor(scalar, at);
  const slot = ({ $view, $offset }: Placed): Uint8Array =>
    new Uint8Array($view.buffer, $view.byteOffset + $offset + at, bytes);
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
    case 'getInt8': return { get(this: Placed) { return this.$view.getInt8(this.$offset + at); }, set(this: Placed, value: number) { this.$view.setInt8(this.$offset + at, value); } };
    case 'getUint8': return { get(this: Placed) { return this.$view.getUint8(this.$offset + at); }, set(this: Placed, value: number) { this.$view.setUint8(this.$offset + at, value); } };
    case 'getInt16': return { get(this: Placed) { return this.$view.getInt16(this.$offset + at, true); }, set(this: Placed, value: number) { this.$view.setInt16(this.$offset + at, value, true); } };
    case 'getUint16': return { get(this: Placed) { return this.$view.getUint16(this.$offset + at, true); }, set(this: Placed, value: number) { this.$view.setUint16(this.$offset + at, value, true); } };
    case 'getInt32': return { get(this: Placed) { return this.$view.getInt32(this.$offset + at, true); }, set(this: Placed, value: number) { this.$view.setInt32(this.$offset + at, value, true); } };
    case 'getUint32': return { get(this: Placed) { return this.$view.getUint32(this.$offset + at, true); }, set(this: Placed, value: number) { this.$view.setUint32(this.$offset + at, value, true); } };
    case 'getBigInt64': return { get(this: Placed) { return this.$view.getBigInt64(this.$offset + at, true); }, set(this: Placed, value: bigint) { this.$view.setBigInt64(this.$offset + at, value, true); } };
    case 'getBigUint64': return { get(this: Placed) { return this.$view.getBigUint64(this.$offset + at, true); }, set(this: Placed, value: bigint) { this.$view.setBigUint64(this.$offset + at, value, true); } };
    case 'getFloat32': return { get(this: Placed) { return this.$view.getFloat32(this.$offset + at, true); }, set(this: Placed, value: number) { this.$view.setFloat32(this.$offset + at, value, true); } };
    case 'getFloat64': return { get(this: Placed) { return this.$view.getFloat64(this.$offset + at, true); }, set(this: Placed, value: number) { this.$view.setFloat64(this.$offset + at, value, true); } };
  }
}
