import type { SharedStructure } from '../subject.ts';

/** One end of a structure, by what one operation is. */
export function structureEnd(end: { close(): void }, operation: () => void): SharedStructure {
  return {
    operate(times) {
      for (let i = 0; i < times; i++) operation();
    },
    close() {
      end.close();
      return Promise.resolve();
    },
  };
}

/** Makes a value that cannot be torn unnoticed: the same number in its first and in its last byte. */
export function stampWhole(value: Uint8Array, count: number): Uint8Array {
  value[0] = count;
  value[value.length - 1] = count;
  return value;
}

/** @throws {Error} There is no value, or parts of two. */
export function checkWhole(value: Uint8Array | undefined): void {
  if (value === undefined) throw new Error('there is no value');
  if (value[0] !== value[value.length - 1]) throw new Error('a value was torn');
}
