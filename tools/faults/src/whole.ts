/** Messages and values of one number all over: who reads half of one and half of another sees it, and most of the time goes to copying. */

/** @param bytes - A multiple of four. */
export function whole(number: number, bytes: number): Uint8Array {
  return new Uint8Array(new Uint32Array(bytes / 4).fill(number).buffer);
}

/** The number, or -1 when it is not whole. */
export function wholeNumber(bytes: Uint8Array): number {
  const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return Buffer.compare(bytes, whole(number, bytes.length)) === 0 ? number : -1;
}
