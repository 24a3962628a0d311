/**
 * MurmurHash3_x86_32 of whole 32-bit words, as in Austin Appleby's MurmurHash3.cpp (public domain).
 *
 * @param from, count - Which words. @returns 32 bits, signed.
 */
export function murmur3(words: Int32Array, from: number, count: number, seed: number): number {
  let hash = seed | 0;
  for (let next = from; next < from + count; next++) {
    let word = Math.imul(words[next] as number, 0xcc9e2d51);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= count << 2;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
