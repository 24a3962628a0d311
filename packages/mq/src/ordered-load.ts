/**
 * What `Atomics.load` does: no locked instruction before it and no load behind it changes places with it.
 *
 * On x86-64 that is true of every load, and V8 keeps the order of accesses to typed arrays; but it calls a function for `Atomics.load`,
 * which takes four times as long as the load. Elsewhere there is no way around it.
 *
 * Source: Sewell et al., "x86-TSO", 2010.
 */
export const orderedLoad: (words: Int32Array, index: number) => number =
  process.arch === 'x64' ? (words, index) => words[index] ?? 0 : (words, index) => Atomics.load(words, index);
