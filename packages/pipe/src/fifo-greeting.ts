/**
 * What the two ends of a FIFO channel say first: the connector its greeting, the listener the same as answer.
 *
 *    0       4       8        12       16
 *   +-------+-------+--------+--------+
 *   | "IPCF"| version| max   | 0      |      each u32 LE but the magic
 *   +-------+-------+--------+--------+
 *
 * `max` is the sender's maxMessageBytes; the two must be equal. 16 bytes are below PIPE_BUF: they come whole or not
 * at all. Frames (docs/wire-formats/frame.md) follow in both directions.
 */
export const GREETING_BYTES = 16;

const MAGIC = 0x4643_5049; // "IPCF"
const VERSION = 1;

export interface Greeting {
  readonly version: number;
  readonly maxMessageBytes: number;
}

export function encodeGreeting(maxMessageBytes: number): Uint8Array {
  const bytes = new Uint8Array(GREETING_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, maxMessageBytes, true);
  return bytes;
}

/** `undefined` when it is no greeting. */
export function decodeGreeting(bytes: Uint8Array): Greeting | undefined {
  if (bytes.length !== GREETING_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(12, true) !== 0) return undefined;
  return { version: view.getUint32(4, true), maxMessageBytes: view.getUint32(8, true) };
}

/** Why the two do not fit together; `undefined` when they do. */
export function differenceOf(mine: number, theirs: Greeting): string | undefined {
  if (theirs.version !== VERSION) return `its version is ${theirs.version}, ours ${VERSION}`;
  if (theirs.maxMessageBytes !== mine)
    return `its maxMessageBytes is ${theirs.maxMessageBytes}, ours ${mine}`;
  return undefined;
}
