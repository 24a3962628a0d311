/** Two fds (or one) as a non-blocking byte stream on the event loop. */
import { close, closeAtThreadExit, read, readPair, write, writePair } from './descriptor.ts';
import { shutdown } from './socket.ts';
import { DISCONNECT, FAILED, READABLE, WRITABLE, watch, type Watch } from './watch.ts';

/**
 * A byte stream over a pipe's ends, a FIFO, a socket. It owns its fds, and makes them non-blocking; a thread that ends closes them.
 *
 * Reads and writes are the system calls themselves; `want` says when to hear of more. Nothing is buffered here.
 */
export class DescriptorStream {
  /**
   * Called when what was wanted is possible; assigned by the owner. `readable` is true also at the end, on an error
   * and on a disconnect, so that the next `read` tells; `writable` likewise. A pipe that is only written tells, whatever
   * is wanted, that it has no reader any more: `gone`. Waiting for that alone does not keep the process alive.
   */
  onReady: (readable: boolean, writable: boolean, gone?: boolean) => void = () => undefined;

  #readFd: number;
  #writeFd: number;
  readonly #reading: Interest | undefined;
  readonly #writing: Interest | undefined;

  /**
   * @param readFd - Readable fd, or -1. @param writeFd - Writable fd, may be the same, or -1.
   * @throws As `watch` (EPERM: a regular file cannot be awaited); the fds then stay the caller's.
   */
  constructor(readFd: number, writeFd: number) {
    const onReady = (readiness: number): void => {
      this.onReady(
        (readiness & ~WRITABLE) !== 0,
        (readiness & ~READABLE) !== 0,
        readFd === -1 && (readiness & FAILED) !== 0,
      );
    };
    this.#readFd = readFd;
    this.#writeFd = writeFd;
    this.#reading = readFd === -1 ? undefined : new Interest(readFd, onReady);
    const always = readFd === -1 ? DISCONNECT : 0; // whoever reads as well learns of the end by reading
    try {
      this.#writing =
        writeFd === readFd
          ? this.#reading
          : writeFd === -1
            ? undefined
            : new Interest(writeFd, onReady, always);
    } catch (error) {
      this.#reading?.close();
      throw error;
    }
  }

  /** As `read` of descriptor.ts: bytes, 0 at the end, -1 when there is nothing. @throws {RangeError} Closed, or absent. */
  read(target: Uint8Array, offset: number, length: number): number {
    return read(this.#readFd, target, offset, length);
  }

  /** As `readPair` of descriptor.ts. A subclass whose `read` does more may leave `second` as it is. */
  readPair(target: Uint8Array, offset: number, second: Uint8Array, secondLength: number): number {
    return readPair(this.#readFd, target, offset, second, secondLength);
  }

  /** As `write` of descriptor.ts: bytes, -1 when there is no room. @throws {RangeError} Closed, or absent. */
  write(source: Uint8Array, offset: number, length: number): number {
    return write(this.#writeFd, source, offset, length);
  }

  /** Writes `first[0, firstLength)` and then all of `second` with one system call; returns the count over both, as `write`. */
  writePair(first: Uint8Array, firstLength: number, second: Uint8Array): number {
    return writePair(this.#writeFd, first, firstLength, second);
  }

  /** Says what `onReady` shall tell, level-triggered. Free when nothing changes; of an absent fd it is ignored. */
  want(readable: boolean, writable: boolean): void {
    const events = (readable ? READABLE : 0) | (writable ? WRITABLE : 0);
    if (this.#reading === this.#writing) {
      this.#reading?.set(events);
    } else {
      this.#reading?.set(events & READABLE);
      this.#writing?.set(events & WRITABLE);
    }
  }

  /** No more writes: closes a pipe's writing end, shuts down a socket's. The peer reads the end. Twice is harmless. */
  shutdownWrite(): void {
    const fd = this.#writeFd;
    if (fd === -1) return;
    this.#writeFd = -1;
    if (fd === this.#readFd) {
      shutdown(fd, 'write');
    } else {
      this.#writing?.close();
      close(fd);
    }
  }

  /**
   * Closes the fds. Twice is harmless; `onReady` is not called any more. Never throws: of a pipe or a socket, a close that
   * fails has closed, and tells nothing about what was written.
   */
  close(): void {
    const [readFd, writeFd] = [this.#readFd, this.#writeFd];
    this.#readFd = this.#writeFd = -1;
    this.#reading?.close();
    this.#writing?.close();
    if (readFd !== -1) closeQuietly(readFd);
    if (writeFd !== -1 && writeFd !== readFd) closeQuietly(writeFd);
  }

  /** Keeps the process alive while something is wanted; the default. */
  ref(): void {
    this.#reading?.ref();
    this.#writing?.ref();
  }

  /** Lets the process end even while something is wanted. */
  unref(): void {
    this.#reading?.unref();
    this.#writing?.unref();
  }
}

function closeQuietly(fd: number): void {
  try {
    close(fd);
  } catch {
    // it is closed all the same, see close(2)
  }
}

/** What is wanted of one fd: a watch that is told of changes only, and that goes on after a failure. */
class Interest {
  readonly #watch: Watch;
  /** Awaited also while nothing is wanted, without keeping the process alive. */
  readonly #always: number;
  #events = 0;
  #holds = true;
  #closed = false;

  constructor(fd: number, onReady: (readiness: number) => void, always = 0) {
    this.#always = always;
    const tell = (readiness: number): void => {
      // A failure stops a watch. Level-triggered means to hear of it until the owner has read what it was.
      if ((readiness & FAILED) !== 0 && this.#events !== 0) this.#watch.update(this.#events);
      onReady(readiness);
    };
    this.#watch = watch(fd, tell);
    closeAtThreadExit(fd);
    if (always === 0) return;
    this.#watch.update(always);
    this.#watch.unref();
  }

  set(events: number): void {
    if (events === this.#events || this.#closed) return;
    this.#watch.update(events | this.#always);
    this.#events = events;
    if (this.#always !== 0) this.#hold();
  }

  close(): void {
    this.#closed = true;
    this.#watch.close();
  }

  ref(): void {
    this.#holds = true;
    this.#hold();
  }

  unref(): void {
    this.#holds = false;
    this.#hold();
  }

  #hold(): void {
    if (this.#holds && (this.#events !== 0 || this.#always === 0)) this.#watch.ref();
    else this.#watch.unref();
  }
}
