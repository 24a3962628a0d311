/**
 * Packets of a seqpacket socket: one message each, behind one byte that says what it is.
 *
 *    0        1                1 + length
 *   +--------+------- - - - -+
 *   |  kind  |  payload      |
 *   +--------+------- - - - -+
 *
 * An empty packet reads like the end of the socket, so even an empty message has its kind. Kind 1 carries no payload
 * and means "closed cleanly". Normative text: docs/wire-formats/packet.md.
 */
export const PACKET_HEADER_BYTES = 1;
export const KIND_MESSAGE = 0;
export const KIND_GOODBYE = 1;

/** Limits of a packet channel. */
export interface PacketLimits {
  readonly maxMessageBytes: number;
  readonly maxDescriptors: number;
}
