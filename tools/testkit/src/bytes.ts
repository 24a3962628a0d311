/** Payloads that can be told apart, and a comparison that takes microseconds instead of seconds. */
import { expect } from 'vitest';

/** `length` bytes that depend on `seed` and on their position. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 31 + seed + (i >>> 8) * 7;
  return bytes;
}

/** Fails unless `actual` is there and equal; `toEqual` would walk a typed array element by element. */
export function expectBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  if (actual !== undefined && Buffer.compare(actual, expected) === 0) return;
  const at = actual?.findIndex((byte, i) => byte !== expected[i]);
  expect.fail(
    `expected ${expected.length} bytes, got ${actual?.length ?? 'the end'}; first difference at ${at ?? 'the start'}`,
  );
}
