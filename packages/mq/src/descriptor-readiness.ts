import { FAILED, READABLE, watch, WRITABLE, type Watch } from '@ipc/native';
import type { Spin } from '@ipc/shm';
import { queueSpin } from './queue-spin.ts';

/** Told that an fd is, or may be, ready. Whoever is served no longer wants it when the call returns. */
export interface ReadinessEvents {
  onReadable(): void;
  onWritable(): void;
}

/**
 * Waiting for a queue's descriptor: awake for a short time, then asleep on the event loop.
 *
 * Starting and stopping a watch are system calls, so it is stopped lazily: by the first event nobody wants, or as soon as a wait was
 * over before it became a sleep. Then the peer runs beside this process, and as long as an epoll(7) waits for a queue, the kernel tells
 * it of every message that goes in or out, under a lock that both want. What nobody waits for does not keep the process alive.
 */
export class DescriptorReadiness {
  readonly #watch: Watch;
  readonly #events: ReadinessEvents;
  readonly #readSpin = queueSpin();
  readonly #writeSpin = queueSpin();
  readonly #tryRead: () => boolean;
  readonly #tryWrite: () => boolean;
  #wanted = 0;
  #armed = 0;
  /** Inside a call of `onReadable` or `onWritable`, which say what they want next: it is acted on behind them. */
  #calling = false;
  #closed = false;

  constructor(fd: number, events: ReadinessEvents) {
    this.#events = events;
    this.#tryRead = () => {
      events.onReadable();
      return (this.#wanted & READABLE) === 0;
    };
    this.#tryWrite = () => {
      events.onWritable();
      return (this.#wanted & WRITABLE) === 0;
    };
    this.#watch = watch(fd, (readiness) => {
      this.#onReady(readiness);
    });
  }

  /** Whether `onReadable` is wanted; may call it at once. BLOCKS for 100 µs at most. */
  wantReadable(on: boolean): void {
    this.#want(READABLE, on, this.#readSpin, this.#tryRead);
  }

  /** Whether `onWritable` is wanted; may call it at once. BLOCKS for 100 µs at most. */
  wantWritable(on: boolean): void {
    this.#want(WRITABLE, on, this.#writeSpin, this.#tryWrite);
  }

  /** To be called before the fd is closed. */
  close(): void {
    this.#closed = true;
    this.#watch.close();
  }

  #want(bit: number, on: boolean, spin: Spin, attempt: () => boolean): void {
    this.#wanted = on ? this.#wanted | bit : this.#wanted & ~bit;
    if (this.#calling) return;
    if (on) {
      this.#calling = true;
      try {
        if (spin.until(attempt) && (this.#armed & bit) !== 0) this.#arm(this.#wanted);
      } finally {
        this.#calling = false;
      }
    }
    this.#watchWanted();
  }

  #watchWanted(): void {
    if (this.#closed) return;
    if (this.#wanted === 0) {
      if (this.#armed !== 0) this.#watch.unref();
      return;
    }
    this.#watch.ref();
    if ((this.#wanted & ~this.#armed) !== 0) this.#arm(this.#wanted);
  }

  #arm(events: number): void {
    this.#armed = events;
    this.#watch.update(events);
  }

  #onReady(readiness: number): void {
    const failed = (readiness & FAILED) !== 0;
    if (failed)
      this.#armed = 0; // the watch has stopped; the next call on the fd tells why
    else if ((readiness & ~this.#wanted) !== 0) this.#arm(this.#wanted);
    this.#calling = true;
    try {
      if ((this.#wanted & READABLE) !== 0 && (failed || (readiness & READABLE) !== 0)) {
        this.#readSpin.woken();
        this.#events.onReadable();
      }
      if ((this.#wanted & WRITABLE) !== 0 && (failed || (readiness & WRITABLE) !== 0)) {
        this.#writeSpin.woken();
        this.#events.onWritable();
      }
    } finally {
      this.#calling = false;
    }
    this.#watchWanted();
  }
}
