const time = new Float64Array(1);
const words = new Int32Array(time.buffer);

/** The time, a float64 in milliseconds, in two words. */
export function timeAt(shared: Int32Array, at: number): number {
  words[0] = shared[at] ?? 0;
  words[1] = shared[at + 1] ?? 0;
  return time[0] ?? 0;
}

/** A time as two words; they change with the next call. */
export function timeWords(ms: number): Int32Array {
  time[0] = ms;
  return words;
}
