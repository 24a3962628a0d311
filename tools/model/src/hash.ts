/** Hashes of what states are made of: two lanes of 32 bits, multiplied and mixed. */
export type Hash = readonly [number, number];

export const factors: Hash = [0x85ebca6b, 0xc2b2ae35];

export function mix(hash: number, value: number, factor: number): number {
  const product = Math.imul(hash ^ value, factor);
  return product ^ (product >>> 15);
}

export function hashOfText(text: string): Hash {
  let [one, other] = [1, 2];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    one = mix(one, code, factors[0]);
    other = mix(other, code, factors[1]);
  }
  return [one, other];
}
