import {
  close,
  eventfd,
  messageWaiter,
  POLLIN,
  poll,
  read,
  READABLE,
  watch,
  type MessageWaiter,
  type Watch,
} from '@ipc/native';

/**
 * Waiting for messages of a System V queue, which no fd stands for: a thread of its own blocks in `msgrcv` and makes
 * an eventfd readable (see `messageWaiter`). It is started by the first wait; none of libuv's pool is used.
 */
export class SysvWaiter {
  readonly #fd = eventfd(0);
  readonly #thread: MessageWaiter;
  readonly #watch: Watch;
  readonly #select: number;
  #wanted = false;
  /** The thread waits, or its eventfd is readable. */
  #pending = false;
  /** It may have taken an empty message that `taken` has not told of. */
  #mayHaveTaken = false;

  /** @param select - The types to wait for, as of `msgReceive`. */
  constructor(id: number, select: number, onMessage: () => void) {
    this.#select = select;
    this.#thread = messageWaiter(id, this.#fd);
    this.#watch = watch(this.#fd, () => {
      this.#clear();
      if (!this.#wanted) return;
      onMessage();
      this.#start();
    });
    this.#watch.update(READABLE);
    this.#watch.unref();
  }

  /** Whether `onMessage` is wanted. While it is, the process stays alive. */
  want(on: boolean): void {
    if (on === this.#wanted) return;
    this.#wanted = on;
    if (on) this.#watch.ref();
    else this.#watch.unref();
    this.#start();
  }

  /** BLOCKS until there is a message, or for `timeoutMs` (-1: for ever). */
  block(timeoutMs: number): void {
    this.#startThread();
    if (poll(Int32Array.of(this.#fd), Int16Array.of(POLLIN), new Int16Array(1), timeoutMs) > 0) this.#clear();
  }

  /** The type of an empty message that waiting has taken out of the queue; 0 for none. */
  taken(): number {
    if (!this.#mayHaveTaken) return 0;
    this.#mayHaveTaken = this.#pending;
    return this.#thread.taken();
  }

  /** Ends the thread; `taken` still tells. */
  close(): void {
    this.#watch.close();
    this.#thread.close();
    close(this.#fd);
  }

  #start(): void {
    if (this.#wanted) this.#startThread();
  }

  #startThread(): void {
    if (this.#pending) return;
    this.#pending = this.#mayHaveTaken = true;
    this.#thread.wait(this.#select);
  }

  #clear(): void {
    if (read(this.#fd, new Uint8Array(8), 0, 8) > 0) this.#pending = false;
  }
}
