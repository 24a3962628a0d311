/** A number inside a value, little-endian. */
export interface NumberField {
  /** @default 0 */
  readonly offset?: number | undefined;
  /** i64 is exact up to 2^53. @default 'f64' */
  readonly type?: 'f64' | 'i32' | 'u32' | 'i64' | undefined;
}

/** Adds to a number and returns the sum, as it is then stored. @throws {RangeError} Not inside `view`; an i64 that is no safe integer. */
export function addTo(view: DataView, { offset = 0, type = 'f64' }: NumberField, amount: number): number {
  switch (type) {
    case 'f64':
      view.setFloat64(offset, view.getFloat64(offset, true) + amount, true);
      return view.getFloat64(offset, true);
    case 'i32':
      view.setInt32(offset, view.getInt32(offset, true) + amount, true);
      return view.getInt32(offset, true);
    case 'u32':
      view.setUint32(offset, view.getUint32(offset, true) + amount, true);
      return view.getUint32(offset, true);
    case 'i64':
      view.setBigInt64(offset, view.getBigInt64(offset, true) + BigInt(amount), true);
      return Number(view.getBigInt64(offset, true));
  }
}
