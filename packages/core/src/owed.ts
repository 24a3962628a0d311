/**
 * Asks and receipts that there was no room for yet: counted, so that a peer that only asks costs nothing.
 *
 * `Control` is how either of them goes over the wire.
 */
export class Owed<Control> {
  readonly #ask: Control;
  readonly #receipt: Control;
  #asks = 0;
  #receipts = 0;

  constructor(ask: Control, receipt: Control) {
    this.#ask = ask;
    this.#receipt = receipt;
  }

  get count(): number {
    return this.#asks + this.#receipts;
  }

  addAsk(): void {
    this.#asks++;
  }

  addReceipt(): void {
    this.#receipts++;
  }

  /** Gives them to `push`, receipts first, as long as that takes them. */
  pay(push: (control: Control) => boolean): void {
    for (; this.#receipts > 0 && push(this.#receipt); this.#receipts--);
    for (; this.#asks > 0 && push(this.#ask); this.#asks--);
  }
}
