import { copyWords, type CopySource } from './owned-copy.ts';

/** Beyond, copying costs more than a view. */
const LENT_MAX_BYTES = 128;

/**
 * Small messages lent for the time of a call: copied to one place, under one view per length that is used again.
 *
 * A new view of shared memory costs 40 ns, copying 64 bytes under an old one 10. The borrower also gets bytes that the
 * other process cannot change while it looks at them.
 */
export class LentCopy {
  readonly #sourceWords: Int32Array;
  readonly #words = new Int32Array((LENT_MAX_BYTES + 8) >> 2);
  readonly #views: (Uint8Array | undefined)[] = Array.from({ length: LENT_MAX_BYTES + 1 }, () => undefined);

  constructor({ words }: Pick<CopySource, 'words'>) {
    this.#sourceWords = words;
  }

  /** The payload at `offset`, valid until the next call; `undefined` when it is too long to be worth a copy. */
  lend(offset: number, length: number): Uint8Array | undefined {
    if (length > LENT_MAX_BYTES) return undefined;
    copyWords(this.#sourceWords, offset >> 2, this.#words, 0, length);
    return (this.#views[length] ??= new Uint8Array(this.#words.buffer, 0, length));
  }
}
