/**
 * What travels beside the bytes of a stream, and belongs to one message of it: descriptors, on a unix socket.
 *
 * It leaves with the first byte of a frame that says how many there are; the message is the next frame. One reader or
 * writer at a time, on the thread of its stream; nothing here waits.
 */
export interface Attachments {
  /** How many are attached to a message that is to be sent: of nearly all of them, none. */
  countOf(message: Uint8Array): number;
  /**
   * Writes `frames` from their start, as `ByteStream.write`, and with their first byte what is attached to `message`, which is
   * the sender's no more unless this returns -1 or throws.
   */
  send(message: Uint8Array, frames: Uint8Array): number;
  /** So many have come, for the next message. @throws {IpcError} They have not, or they are more than this end accepts. */
  claim(count: number): void;
  /** What was claimed is this message's. */
  attachTo(message: Uint8Array): void;
  /** Drops what has come, and what still comes. */
  drop(): void;
}
