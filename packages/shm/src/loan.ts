import type { ChunkView } from './chunk-view.ts';

/** What a loan gives back to. @internal */
export interface Lender {
  giveBack(chunk: number, published: number | undefined, token: object | undefined): void;
}

/** A chunk that is to be filled and published. */
export class Loan implements Disposable {
  readonly #lender: Lender;
  readonly #chunk: number;
  readonly #lent: ChunkView;
  #isOpen = true;
  /** @internal */
  token: object | undefined;

  /** @internal */
  constructor(lender: Lender, chunk: number, lent: ChunkView) {
    this.#lender = lender;
    this.#chunk = chunk;
    this.#lent = lent;
  }

  /** The whole chunk, with whatever was there before. Do not use the view after `publish`. @throws {TypeError} Published or given back. */
  get bytes(): Uint8Array {
    if (!this.#isOpen) throw new TypeError('the loan was published or given back before');
    return this.#lent.bytes;
  }

  /**
   * Hands the chunk over to the receiver, of which the first `length` bytes are the message. Copies nothing, never waits.
   *
   * @throws {TypeError} Published or given back before. @throws {RangeError} `length` is not in 0..chunkBytes.
   * @throws {IpcError} ERR_IPC_CLOSED.
   */
  publish(length: number = this.bytes.length): void {
    if (!Number.isInteger(length) || length < 0 || length > this.bytes.length) {
      throw new RangeError(`length must be an integer in 0..${this.bytes.length}, got ${length}`);
    }
    this.#lender.giveBack(this.#chunk, length, this.token);
    this.#isOpen = false;
    this.#lent.end();
  }

  /** Gives the chunk back unpublished. Does nothing after `publish`. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#lent.end();
    this.#lender.giveBack(this.#chunk, undefined, this.token);
  }
}

/** A message that lies where its publisher wrote it. */
export class Borrowed implements Disposable {
  /** Of the message. */
  readonly length: number;
  readonly #lender: Lender;
  readonly #chunk: number;
  readonly #lent: ChunkView;
  #isOpen = true;
  /** @internal */
  token: object | undefined;

  /** @internal */
  constructor(lender: Lender, chunk: number, lent: ChunkView, length: number) {
    this.#lender = lender;
    this.#chunk = chunk;
    this.#lent = lent;
    this.length = length;
  }

  /** The message. Do not use the view after `release`: the publisher will write there. @throws {TypeError} Released. */
  get bytes(): Uint8Array {
    if (!this.#isOpen) throw new TypeError('the message was released before');
    return this.#lent.first(this.length);
  }

  /** Gives the chunk back to the publisher. Releasing twice is harmless. */
  release(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#lent.end();
    this.#lender.giveBack(this.#chunk, undefined, this.token);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
