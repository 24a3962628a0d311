/** A chunk, or a slot, as bytes. */
export class ChunkView {
  /** All of it. */
  readonly bytes: Uint8Array;
  #first: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = this.#first = bytes;
  }

  /** Its first bytes: the same view as the last time for the same length, as a new one costs more than all else about a message. */
  first(length: number): Uint8Array {
    if (this.#first.length === length) return this.#first;
    return (this.#first = new Uint8Array(this.bytes.buffer, this.bytes.byteOffset, length));
  }

  /** Ends the view, where that is possible. */
  end(): void {
    // whoever uses it next has the same view
  }
}
