/**
 * What heartbeating ends tell each other among their messages, which travel as they are.
 *
 * A signal is a message of eight bytes that says so. A message that looks like one, or like one with zeros behind it,
 * travels with one zero more, which the receiver takes off: so any message arrives as it was, and none is copied but these.
 *
 *   beat                  00 69 70 63 62 65 61 74            "\0ipcbeat"   I am alive
 *   ask                   00 69 70 63 61 73 6b 3f            "\0ipcask?"   have you taken what came before?
 *   receipt               00 69 70 63 67 6f 74 21            "\0ipcgot!"   yes: one for each ask, in order
 *   end                   00 69 70 63 65 6e 64 2e            "\0ipcend."   no message follows, beats and receipts do
 *   message of a beat     00 69 70 63 62 65 61 74 00
 */
import { moveDescriptors } from './descriptors.ts';

const signal = (text: string): Uint8Array => new TextEncoder().encode(`\0ipc${text}`);

export const BEAT: Uint8Array = signal('beat');
export const ASK: Uint8Array = signal('ask?');
export const RECEIPT: Uint8Array = signal('got!');
export const END: Uint8Array = signal('end.');
const signals: ReadonlySet<Uint8Array> = new Set([BEAT, ASK, RECEIPT, END]);

/** What a message may grow by. */
export const ESCAPE_BYTES = 1;

/** The message as it travels. */
export function escapeMessage(message: Uint8Array): Uint8Array {
  if (lookalikeOf(message) === undefined) return message;
  const escaped = new Uint8Array(message.length + ESCAPE_BYTES);
  escaped.set(message);
  return moveDescriptors(message, escaped);
}

/** Whether it is one of the signals, as {@link unescapeMessage} gives them. */
export function isSignal(message: Uint8Array): boolean {
  return signals.has(message);
}

/** The message as it was sent; or the very signal that it is, which {@link isSignal} tells. */
export function unescapeMessage(message: Uint8Array): Uint8Array {
  const lookalike = lookalikeOf(message);
  if (lookalike === undefined) return message;
  if (message.length === lookalike.length) return lookalike;
  return moveDescriptors(message, message.subarray(0, message.length - ESCAPE_BYTES));
}

/** The signal that a message begins with, if nothing but zeros is behind it. */
function lookalikeOf(message: Uint8Array): Uint8Array | undefined {
  if (message[0] !== 0 || message.length < BEAT.length) return undefined;
  for (let i = BEAT.length; i < message.length; i++) if (message[i] !== 0) return undefined;
  for (const each of signals) if (each.every((byte, i) => message[i] === byte)) return each;
  return undefined;
}
