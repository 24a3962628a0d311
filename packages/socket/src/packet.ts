/**
 * Packets of a seqpacket socket: one message each, behind one byte that says what it is.
 *
 *    0        1                1 + length
 *   +--------+------- - - - -+
 *   |  kind  |  payload      |
 *   +--------+------- - - - -+
 *
 * An empty packet reads like the end of the socket, so even an empty message has its kind. The other kinds carry no
 * payload: kind 1 means "closed cleanly", kind 2 asks for a receipt, kind 3, the other way, is one, and kind 4 ends this
 * direction and leaves the other. Normative text: docs/wire-formats/packet.md.
 */
export const PACKET_HEADER_BYTES = 1;
export const KIND_MESSAGE = 0;
export const KIND_GOODBYE = 1;
export const KIND_ASK = 2;
export const KIND_RECEIPT = 3;
export const KIND_END = 4;

/** Limits of a packet channel. */
export interface PacketLimits {
  readonly maxMessageBytes: number;
  readonly maxDescriptors: number;
  readonly maxDescriptorsInFlight: number;
}
