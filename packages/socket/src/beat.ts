/**
 * Heartbeats among messages, which travel as they are.
 *
 * A beat is a message of eight bytes that says so. A message that looks like one, or like one with zeros behind it,
 * travels with one zero more, which the receiver takes off: so any message arrives as it was, and none is copied but these.
 *
 *   beat                  00 69 70 63 62 65 61 74            "\0ipcbeat"
 *   message of a beat     00 69 70 63 62 65 61 74 00
 */
export const BEAT: Uint8Array = Uint8Array.of(0, 0x69, 0x70, 0x63, 0x62, 0x65, 0x61, 0x74);

/** What a message may grow by. */
export const ESCAPE_BYTES = 1;

/** The message as it travels. */
export function escapeMessage(message: Uint8Array): Uint8Array {
  if (!looksLikeBeat(message)) return message;
  const escaped = new Uint8Array(message.length + ESCAPE_BYTES);
  escaped.set(message);
  return escaped;
}

/** The message as it was sent; `undefined` for a beat. */
export function unescapeMessage(message: Uint8Array): Uint8Array | undefined {
  if (!looksLikeBeat(message)) return message;
  return message.length === BEAT.length ? undefined : message.subarray(0, message.length - ESCAPE_BYTES);
}

function looksLikeBeat(message: Uint8Array): boolean {
  if (message.length < BEAT.length) return false;
  for (let i = 0; i < BEAT.length; i++) if (message[i] !== BEAT[i]) return false;
  for (let i = BEAT.length; i < message.length; i++) if (message[i] !== 0) return false;
  return true;
}
