/**
 * How long nothing has come from a peer, as far as this thread could have noticed.
 *
 * A thread that was blocked, stopped or starved has not listened: of a look that comes late only so much counts as looks
 * are apart at most, and whoever has to judge reads first what has come meanwhile.
 */
export class Silence {
  readonly #timeoutMs: number;
  readonly #mostMs: number;
  /** `undefined`: nothing has come yet. */
  #silentMs: number | undefined;
  #lookedMs = performance.now();
  #partialBytes = 0;

  /** @param mostMs - What counts at most from one look to the next. */
  constructor(timeoutMs: number, mostMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#mostMs = mostMs;
  }

  /** Something has come. */
  end(): void {
    this.#silentMs = 0;
  }

  /**
   * To be called again and again.
   *
   * @param partialBytes - Of the next message: while it grows, the peer is heard.
   * @param listening - Whether anything that came would have been noticed since.
   */
  look(partialBytes: number, listening: boolean): void {
    const nowMs = performance.now();
    const passedMs = Math.min(nowMs - this.#lookedMs, this.#mostMs);
    this.#lookedMs = nowMs;
    if (partialBytes !== this.#partialBytes) this.end();
    else if (listening && this.#silentMs !== undefined) this.#silentMs += passedMs;
    this.#partialBytes = partialBytes;
  }

  /** Whether it lasts for longer than the time-out. */
  get isTooLong(): boolean {
    return this.#silentMs !== undefined && this.#silentMs > this.#timeoutMs;
  }
}
