import type { ByteStream } from '@ipc/core';

/** A byte stream under the test's control: what may be read is fed in, what was written is kept. */
export class ScriptStream implements ByteStream {
  onReady: (readable: boolean, writable: boolean) => void = () => undefined;
  readonly written: number[] = [];
  /** How many bytes the next writes take before they would block. */
  room = Infinity;
  /** How often it was read. */
  reads = 0;
  /** How often it was written. */
  writes = 0;
  closed = false;
  wanted = { readable: false, writable: false };
  readonly readPair?: NonNullable<ByteStream['readPair']>;
  readonly #incoming: Uint8Array[] = [];
  #ended = false;

  /** @param pairs - Whether it can read into two places at once. */
  constructor(pairs = false) {
    if (!pairs) return;
    this.readPair = (target, offset, second, secondLength) => {
      const length = target.length - offset;
      const count = this.read(target, offset, length);
      this.reads--;
      return count < length ? count : count + Math.max(0, this.read(second, 0, secondLength));
    };
  }

  feed(...chunks: readonly Uint8Array[]): void {
    this.#incoming.push(...chunks.filter((chunk) => chunk.length > 0));
    this.#report();
  }

  end(): void {
    this.#ended = true;
    this.#report();
  }

  read(target: Uint8Array, offset: number, length: number): number {
    this.reads++;
    const chunk = this.#incoming[0];
    if (chunk === undefined) return this.#ended ? 0 : -1;
    const count = Math.min(length, chunk.length);
    target.set(chunk.subarray(0, count), offset);
    if (count === chunk.length) this.#incoming.shift();
    else this.#incoming[0] = chunk.subarray(count);
    return count;
  }

  write(source: Uint8Array, offset: number, length: number): number {
    const count = Math.min(length, this.room);
    this.writes++;
    if (count === 0) return -1;
    this.room -= count;
    for (const byte of source.subarray(offset, offset + count)) this.written.push(byte);
    return count;
  }

  writePair(first: Uint8Array, firstLength: number, second: Uint8Array): number {
    const head = this.write(first, 0, firstLength);
    if (head < firstLength) return head;
    return head + Math.max(0, this.write(second, 0, second.length));
  }

  want(readable: boolean, writable: boolean): void {
    this.wanted = { readable, writable };
    if (readable) setImmediate(this.#report);
  }

  close(): void {
    this.closed = true;
  }

  /** Now, and again each turn as long as there is something to read: interest is level-triggered. */
  readonly #report = (): void => {
    if (this.closed || !this.wanted.readable || (this.#incoming.length === 0 && !this.#ended)) return;
    this.onReady(true, false);
    setImmediate(this.#report);
  };
}
