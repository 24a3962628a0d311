import { Violation } from '../violation.ts';

/** Of every message: two words, so that half of one can be told. */
export const messageBytes = 8;

/** Message `number` of a party. */
export function message(by: number, number: number): Uint8Array {
  const word = (by + 1) * 0x100 + number + 1;
  return new Uint8Array(Int32Array.of(word, ~word).buffer);
}

/** Which message that is. @throws {Violation} It is none. */
export function readMessage(bytes: Uint8Array): { readonly by: number; readonly number: number } {
  const [word = 0, other = 0] = new Int32Array(bytes.slice().buffer);
  if (bytes.length !== messageBytes || other !== ~word) {
    throw new Violation(`a torn message: [${String(bytes)}]`);
  }
  return { by: (word >> 8) - 1, number: (word & 0xff) - 1 };
}
