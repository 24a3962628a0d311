import { close, READABLE, read, watch, write, type Watch } from '@ipc/native';
import { createFifo, openToWrite, placeFifo, remove } from './fifo-file.ts';
import { decodeGreeting, differenceOf, encodeGreeting, GREETING_BYTES } from './fifo-greeting.ts';

export interface RendezvousEvents {
  /** Called once, with descriptors that are its own from then on. */
  peer(readFd: number, writeFd: number): void;
  /** No peer will come any more. */
  fail(error: unknown): void;
}

/**
 * Where a FIFO listener and its one peer meet.
 *
 * The listener reads `there`. Whoever connects locks it, opens `back` to read, and writes a greeting into `there`; the
 * listener then opens `back` to write, answers, and removes both names. What each death on the way leaves:
 *
 * - a connector before its greeting: nothing, the kernel drops its lock;
 * - after its greeting: the listener finds nobody reading `back`, and goes on waiting;
 * - the listener: files nobody reads. A connector gets ENXIO, or sees its `there` fail; the next listener replaces them.
 */
export class FifoRendezvous {
  readonly #paths: { readonly there: string; readonly back: string };
  readonly #mode: number;
  readonly #maxMessageBytes: number;
  readonly #events: RendezvousEvents;
  #readFd = -1;
  /** A writer of our own, so that a connector that leaves is not the end of the stream. */
  #keepFd = -1;
  #watch: Watch | undefined;

  /** @throws Errno errors of making and opening the FIFOs; nothing is left then. */
  constructor(
    paths: { readonly there: string; readonly back: string },
    mode: number,
    maxMessageBytes: number,
    events: RendezvousEvents,
  ) {
    this.#paths = paths;
    this.#mode = mode;
    this.#maxMessageBytes = maxMessageBytes;
    this.#events = events;
    this.#open();
  }

  /** Removes the names, if no peer has come. Idempotent. */
  close(): void {
    if (this.#readFd === -1) return;
    this.#removeNames();
    this.#stopWatching();
    close(this.#readFd);
    this.#readFd = -1;
  }

  #open(): void {
    const { there, back } = this.#paths;
    try {
      remove(back);
      createFifo(back, { mode: this.#mode });
      this.#readFd = placeFifo(there, this.#mode); // last: who finds it finds `back` as well
      this.#keepFd = openToWrite(there);
      this.#watch = watch(this.#readFd, () => {
        try {
          this.#onGreeting();
        } catch (error) {
          this.#events.fail(error);
        }
      });
      this.#watch.update(READABLE);
    } catch (error) {
      this.#removeNames();
      this.close();
      throw error;
    }
  }

  #onGreeting(): void {
    const bytes = new Uint8Array(GREETING_BYTES);
    const count = read(this.#readFd, bytes, 0, GREETING_BYTES);
    if (count === -1) return;
    const greeting = decodeGreeting(bytes.subarray(0, Math.max(count, 0)));
    if (greeting === undefined) {
      // Somebody wrote something else. Where the next greeting would begin nobody knows: start afresh.
      this.close();
      this.#open();
      return;
    }
    const writeFd = this.#openBack();
    if (writeFd === -1) return; // it died meanwhile
    const answered = this.#answer(writeFd);
    if (!answered || differenceOf(this.#maxMessageBytes, greeting) !== undefined) {
      close(writeFd); // the answer tells the connector why
      return;
    }
    const readFd = this.#readFd;
    this.#removeNames();
    this.#stopWatching();
    this.#readFd = -1;
    this.#events.peer(readFd, writeFd);
  }

  #openBack(): number {
    try {
      return openToWrite(this.#paths.back);
    } catch {
      return -1;
    }
  }

  #answer(writeFd: number): boolean {
    try {
      write(writeFd, encodeGreeting(this.#maxMessageBytes), 0, GREETING_BYTES);
      return true;
    } catch {
      return false;
    }
  }

  #stopWatching(): void {
    this.#watch?.close();
    this.#watch = undefined;
    if (this.#keepFd !== -1) close(this.#keepFd);
    this.#keepFd = -1;
  }

  #removeNames(): void {
    remove(this.#paths.there);
    remove(this.#paths.back);
  }
}
