import { READABLE, read, watch, write, type Watch } from '@ipc/native';
import { openToWrite, placeFifo } from './fifo-file.ts';
import { decodeGreeting, differenceOf, encodeGreeting, GREETING_BYTES } from './fifo-greeting.ts';
import { close, removeName } from './let-go.ts';

export interface RendezvousEvents {
  /** Called once, with descriptors that are its own from then on. */
  peer(readFd: number, writeFd: number): void;
  /** No peer will come any more. */
  fail(error: unknown): void;
}

/**
 * Where a FIFO listener and its one peer meet.
 *
 * The listener reads `there` and writes `back`, both open before they have their names: a greeting costs it no
 * descriptor. Whoever connects locks `there`, opens `back` to read, and writes a greeting; the listener answers it and
 * removes both names. What each death on the way leaves:
 *
 * - a connector before its greeting: nothing, the kernel drops its lock;
 * - after its greeting: the answer finds nobody reading `back`, and the listener goes on waiting;
 * - the listener: files without their other end. A connector gets ENXIO, or sees its `there` fail; the next listener
 *   replaces them.
 */
export class FifoRendezvous {
  readonly #paths: { readonly there: string; readonly back: string };
  readonly #mode: number;
  readonly #maxMessageBytes: number;
  readonly #events: RendezvousEvents;
  #readFd = -1;
  #writeFd = -1;
  /** A writer of our own, so that a connector that leaves is not the end of the stream. */
  #keepFd = -1;
  #watch: Watch | undefined;
  #over = false;

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
    if (this.#over) return;
    this.#over = true;
    this.#reset();
  }

  #open(): void {
    const { there, back } = this.#paths;
    try {
      const backReadFd = placeFifo(back, this.#mode); // one must read for it to be opened to write
      try {
        this.#writeFd = openToWrite(back);
      } finally {
        close(backReadFd);
      }
      this.#readFd = placeFifo(there, this.#mode); // last: who finds it finds `back` as well
      this.#keepFd = openToWrite(there);
      this.#watch = watch(this.#readFd, () => {
        try {
          this.#onGreeting();
        } catch (error) {
          this.close();
          this.#events.fail(error);
        }
      });
      this.#watch.update(READABLE);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #onGreeting(): void {
    const bytes = new Uint8Array(GREETING_BYTES);
    const count = read(this.#readFd, bytes, 0, GREETING_BYTES);
    if (count === -1) return;
    const greeting = decodeGreeting(bytes.subarray(0, count));
    // Behind anything else nobody knows where the next greeting would begin: start afresh.
    if (greeting === undefined) {
      this.#restart();
      return;
    }
    if (!this.#answer()) return; // it died meanwhile
    if (differenceOf(this.#maxMessageBytes, greeting) !== undefined) {
      this.#restart(); // the answer tells the connector why
      return;
    }
    const [readFd, writeFd] = [this.#readFd, this.#writeFd];
    this.#readFd = this.#writeFd = -1;
    this.close();
    this.#events.peer(readFd, writeFd);
  }

  #answer(): boolean {
    try {
      write(this.#writeFd, encodeGreeting(this.#maxMessageBytes), 0, GREETING_BYTES);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
      return false;
    }
  }

  #restart(): void {
    this.#reset();
    this.#open();
  }

  /** Removes the names and closes what is open. */
  #reset(): void {
    removeName(this.#paths.there);
    removeName(this.#paths.back);
    this.#watch?.close();
    this.#watch = undefined;
    for (const fd of [this.#readFd, this.#writeFd, this.#keepFd]) close(fd);
    this.#readFd = this.#writeFd = this.#keepFd = -1;
  }
}
