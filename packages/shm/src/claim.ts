/** Room in a ring, to be filled in place. Each writer has one, used again and again: nothing is allocated per message. */
export class Claim implements Disposable {
  /** Of the payload in {@link Claim.ring}. */
  offset = 0;
  /** Of the payload, in bytes. */
  length = 0;
  /** The ring's memory. Write nothing outside `[offset, offset + length)`. */
  readonly ring: Uint8Array;
  readonly #end: (committed: boolean) => void;
  #isOpen = false;

  /** @internal */
  constructor(ring: Uint8Array, end: (committed: boolean) => void) {
    this.ring = ring;
    this.#end = end;
  }

  /** @internal */
  open(offset: number, length: number): this {
    this.offset = offset;
    this.length = length;
    this.#isOpen = true;
    return this;
  }

  /** The payload as a view of its own; allocates one. Write nothing to it after `commit`. @throws {TypeError} Not open. */
  get bytes(): Uint8Array {
    this.#check();
    return this.ring.subarray(this.offset, this.offset + this.length);
  }

  /** Makes the message visible to the reader. @throws {TypeError} Committed or aborted before. */
  commit(): void {
    this.#check();
    this.#isOpen = false;
    this.#end(true);
  }

  /** Gives the room back. Does nothing after `commit`. */
  abort(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#end(false);
  }

  [Symbol.dispose](): void {
    this.abort();
  }

  #check(): void {
    if (!this.#isOpen) throw new TypeError('the claim was committed or aborted before');
  }
}
