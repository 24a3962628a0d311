/** Messages that tell which one they are, and whether they are whole. */

/** Message `index`: its number, then 0 to 999 bytes that depend on it. */
export function numbered(index: number): Uint8Array {
  const message = new Uint8Array(4 + ((index * 37) % 1000));
  new DataView(message.buffer).setUint32(0, index, true);
  for (let at = 4; at < message.length; at++) message[at] = (index * 31 + at) & 0xff;
  return message;
}

/** The number of a message, or -1 when it is not whole. */
export function numberOf(message: Uint8Array): number {
  if (message.length < 4) return -1;
  const index = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
  return Buffer.compare(message, numbered(index)) === 0 ? index : -1;
}
