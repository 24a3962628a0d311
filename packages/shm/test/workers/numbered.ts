/** A message of one of several writers, of a length that varies, which tells whether it is whole. */
export function numbered(id: number, number: number): Uint8Array {
  const message = new Uint8Array(8 + ((number * 37) % 250)).fill(id ^ number);
  const view = new DataView(message.buffer);
  view.setUint32(0, id, true);
  view.setUint32(4, number, true);
  return message;
}

/** Whose message it is, and its number. @throws When it is not whole. */
export function numberOf(message: Uint8Array): [id: number, number: number] {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const [id, number] = [view.getUint32(0, true), view.getUint32(4, true)];
  if (Buffer.compare(message, numbered(id, number)) !== 0) throw new Error('torn');
  return [id, number];
}
