/**
 * Lines to the bells of other threads, kept open: to ring them, and to hear of their death.
 *
 * One line per bell and thread, however many locks share it. The kernel flags the write end of a FIFO with POLLERR
 * as soon as its last reader is gone, for the event loop and for poll(2) alike.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { DISCONNECT, poll, watch, write, type Watch } from '@ipc/native';
import { bellPath, type Sleeper } from './bell-path.ts';

const lines = new Map<string, BellLine>();
const ring = Uint8Array.of(1);

/** The line to a bell; undefined when nobody listens there any more. */
export function lineTo(high: number, low: number): BellLine | undefined {
  const path = bellPath(high, low);
  let line = lines.get(path);
  if (line === undefined) {
    prune();
    const descriptor = openForWriting(path);
    if (descriptor === undefined) return undefined;
    line = new BellLine(path, descriptor);
    lines.set(path, line);
  }
  return line;
}

/** Hangs up everywhere: the thread's last lock is closed. */
export function closeLines(): void {
  for (const line of [...lines.values()]) line.hangUp();
}

export class BellLine {
  readonly descriptor: number;
  readonly #path: string;
  readonly #sleepers = new Set<Sleeper>();
  #watch: Watch | undefined;

  constructor(path: string, descriptor: number) {
    this.#path = path;
    this.descriptor = descriptor;
  }

  /** Whether somebody wants to hear of the death at the other end. */
  get isWatched(): boolean {
    return this.#sleepers.size > 0;
  }

  /** False once hung up: its descriptor is somebody else's by now. */
  get isOpen(): boolean {
    return lines.get(this.#path) === this;
  }

  /** Wakes the thread, if it still is there. */
  ring(): void {
    try {
      write(this.descriptor, ring, 0, 1); // no room means that it is being rung already
    } catch {
      this.hangUp();
    }
  }

  /** Makes `sleeper` look when the thread at the other end is gone. */
  add(sleeper: Sleeper): void {
    if (lines.get(this.#path) !== this) {
      // found dead since it was asked for: opening a line to another one looks after all that are idle
      queueMicrotask(() => {
        sleeper.look();
      });
      return;
    }
    this.#watch ??= watch(this.descriptor, () => {
      this.hangUp();
    });
    if (this.#sleepers.size === 0) this.#watch.update(DISCONNECT);
    this.#sleepers.add(sleeper);
  }

  delete(sleeper: Sleeper): void {
    if (this.#sleepers.delete(sleeper) && this.#sleepers.size === 0) this.#watch?.update(0);
  }

  /** Closes the line; those who watched it look, each in a microtask of its own. */
  hangUp(): void {
    if (!this.isOpen) return;
    lines.delete(this.#path);
    for (const sleeper of this.#sleepers) {
      queueMicrotask(() => {
        sleeper.look();
      });
    }
    this.#sleepers.clear();
    this.#watch?.close();
    closeSync(this.descriptor);
  }
}

/** Hangs up where nobody listens any more: a long-lived process must not collect lines to the dead. */
function prune(): void {
  const idle = [...lines.values()].filter((line) => !line.isWatched);
  const readiness = new Int16Array(idle.length);
  poll(
    Int32Array.from(idle, (line) => line.descriptor),
    new Int16Array(idle.length),
    readiness,
    0,
  );
  for (const [index, line] of idle.entries()) if (readiness[index] !== 0) line.hangUp();
}

function openForWriting(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO' || code === 'ENOENT') return undefined;
    throw error;
  }
}
