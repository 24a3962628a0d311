import * as native from '@ipc/native';
import { letGo } from '@ipc/socket';

const WAKE = Uint8Array.of(1);
/** Wake-ups carry nothing: as many as there are, one read takes them. */
const inbox = new Uint8Array(256);

/**
 * The unix socket beside two rings: a byte wakes the peer's event loop, and its end is the kernel's word that the
 * peer is gone. Two ports share it; it is closed when both have let go, or when their thread ends.
 *
 * The byte that wakes the only sleeper is left unread: who was woken answers first, which saves the answer a system call,
 * and takes the byte when it goes to sleep again. If nobody does, the event loop comes back to it in its next turn.
 */
export class WakeLine {
  readonly #fd: number;
  readonly #watch: native.Watch;
  readonly #listeners: (() => void)[] = [];
  #waiting = 0;
  /** Nobody waits then, so that what is read with it was meant for nobody. */
  #unread = false;
  /** Whether the watch keeps the process alive. */
  #held = false;
  #ended = false;
  #holders = 2;

  /** @param fd - A connected stream socket, owned from now on. */
  constructor(fd: number) {
    this.#fd = fd;
    const onReady = (readiness: number): void => {
      this.#onReady(readiness);
    };
    this.#watch = native.watch(fd, onReady);
    native.closeAtThreadExit(fd);
    this.#watch.update(native.READABLE);
    this.#watch.unref();
  }

  /** Whether the peer is gone, or has closed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** `listener` is called after each wake-up and at the end. */
  listen(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Wakes the peer. A socket that is full of wake-ups will do so without another one; one that has failed ends for both. */
  wake(): void {
    if (this.#ended || this.#holders === 0) return;
    try {
      native.write(this.#fd, WAKE, 0, 1);
    } catch {
      this.#fail();
    }
  }

  /**
   * Keeps the process alive for somebody who waits. To be called before the peer is told of that: what it has written
   * until then wakes nobody any more. `ended` may be true afterwards.
   */
  ref(): void {
    if (this.#unread) {
      this.#take();
      if (this.#ended) setImmediate(() => {
        this.#tell();
      }); // prettier-ignore
    }
    this.#waiting++;
    this.#hold(true);
  }

  unref(): void {
    if (--this.#waiting === 0 && !this.#unread) this.#hold(false);
  }

  /** One of the two lets go. */
  release(): void {
    if (--this.#holders > 0) return;
    this.#watch.close();
    letGo(this.#fd);
  }

  /** The peer is gone; or it sleeps, and cannot be woken (no memory for a byte), and must not sleep for ever. Reading tells both. */
  #fail(): void {
    try {
      native.shutdown(this.#fd, 'both');
    } catch {
      // ENOTCONN: it is over already
    }
  }

  #onReady(readiness: number): void {
    // The peer went with wake-ups unread: whatever is left to read here, the event loop will not tell a second time.
    if ((readiness & native.FAILED) !== 0) this.#ended = true;
    this.#unread = this.#waiting === 1 && !this.#unread && !this.#ended;
    if (this.#unread) {
      this.#tell();
      if (this.#waiting === 0) return;
    }
    this.#take();
    this.#tell();
    if (this.#waiting === 0) this.#hold(false);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #hold(on: boolean): void {
    if (on === this.#held || this.#holders === 0) return;
    this.#held = on;
    if (on) this.#watch.ref();
    else this.#watch.unref();
  }

  /** Reads the wake-ups, or the end. */
  #take(): void {
    this.#unread = false;
    if (this.#holders === 0) return;
    try {
      this.#ended ||= native.read(this.#fd, inbox, 0, inbox.length) === 0;
    } catch {
      this.#ended = true; // ECONNRESET: the peer died with wake-ups unread
    }
    if (this.#ended) this.#watch.update(0);
  }
}
