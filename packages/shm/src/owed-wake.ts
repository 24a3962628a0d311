/**
 * The waking of writers for room that a reader gave back: not for each bit of it, but once there is `quantum`, or when the event loop turns.
 *
 * Who is woken for one slot fills it and sleeps again, and that costs as much as taking a hundred messages. A reader that stops
 * reading in this turn settles at its end; one that blocks its thread settles before.
 */
export class OwedWake {
  readonly #quantum: number;
  readonly #wake: () => void;
  #owed = 0;
  #turn: NodeJS.Immediate | undefined;

  constructor(quantum: number, wake: () => void) {
    this.#quantum = quantum;
    this.#wake = wake;
  }

  /** Somebody may wait for what was just given back. */
  owe(): void {
    if (++this.#owed >= this.#quantum) this.settle();
    else this.#turn ??= setImmediate(() => {
      this.settle();
    }); // prettier-ignore
  }

  settle(): void {
    if (this.#owed === 0) return;
    this.#owed = 0;
    clearImmediate(this.#turn);
    this.#turn = undefined;
    this.#wake();
  }
}
