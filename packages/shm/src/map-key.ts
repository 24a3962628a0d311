import { setBytes } from './set-bytes.ts';

const encoder = new TextEncoder();

/** The key of the call at work, as the words it has in a slot. Used again and again: nothing is allocated. */
export class MapKey {
  readonly words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #maxBytes: number;
  /** Only zeros follow. */
  #length = 0;

  constructor(maxBytes: number, words: number) {
    this.words = new Int32Array(words);
    this.#bytes = new Uint8Array(this.words.buffer);
    this.#maxBytes = maxBytes;
  }

  /** @throws {TypeError} Neither text nor bytes. @throws {RangeError} Longer than `keyBytes`. */
  set(key: string | Uint8Array): void {
    if (typeof key !== 'string') this.#setBytes(key);
    else if (!this.#setAscii(key)) this.#setBytes(encoder.encode(key));
  }

  /** Four times as fast as an encoder. False when there is more than ASCII in it. */
  #setAscii(key: string): boolean {
    const { length } = key;
    if (length > this.#maxBytes) throw this.#tooLong(length);
    this.#clear(length);
    for (let at = 0; at < length; at++) {
      const code = key.charCodeAt(at);
      if (code > 0x7f) return false;
      this.#bytes[at] = code;
    }
    return true;
  }

  #setBytes(key: Uint8Array): void {
    if (!(key instanceof Uint8Array))
      throw new TypeError(`a key is a string or a Uint8Array, got ${typeof key}`);
    if (key.length > this.#maxBytes) throw this.#tooLong(key.length);
    this.#clear(key.length);
    setBytes(this.#bytes, key, 0);
  }

  /** By hand: `fill` is a call, which for a short key takes half as long as all the rest of it. */
  #clear(nextLength: number): void {
    for (let word = (this.#length + 3) >> 2; word > 0;) this.words[--word] = 0;
    this.#length = nextLength;
  }

  #tooLong(length: number): RangeError {
    return new RangeError(`keys have at most ${this.#maxBytes} bytes, got ${length}`);
  }
}
