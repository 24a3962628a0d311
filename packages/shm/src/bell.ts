/**
 * A bell wakes whoever sleeps on something that others reach by name only: a FIFO in /dev/shm whose only reader is its
 * owner. To ring is to write a byte. The kernel tells everyone who has it open for writing, at once, that the reader is
 * gone. See fifo(7).
 *
 * The name is that of `@ipc/sync`'s bells, so that either package removes what the dead users of the other left.
 */
import { closeSync, constants, fchmodSync, openSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { fromErrno } from '@ipc/core';
import { DISCONNECT, mkfifo, read, READABLE, watch, write, type Watch } from '@ipc/native';

const directory = '/dev/shm';
const prefix = 'ipc-bell-';
const ring = Uint8Array.of(1);
/** Rings carry nothing: as many as there are, they mean one. */
const rings = new Uint8Array(4096);

function bellPath(high: number, low: number): string {
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
  return `${directory}/${prefix}${hex(high)}${hex(low)}`;
}

/** A bell of one's own. */
export class Bell {
  /** The id, as two words. */
  readonly high: number;
  readonly low: number;
  /** Readable while somebody has rung. */
  readonly descriptor: number;
  readonly #path: string;
  #watch: Watch | undefined;

  /** @param mode - Of the region: whoever may write that may ring. */
  constructor(mode: number) {
    sweepBells();
    for (;;) {
      const id = randomBytes(8);
      this.high = id.readInt32LE(0);
      this.low = id.readInt32LE(4);
      this.#path = bellPath(this.high, this.low);
      const descriptor = hang(this.#path, 0o600 | (mode & 0o022));
      if (descriptor === undefined) continue;
      this.descriptor = descriptor;
      break;
    }
  }

  /** From now on a ring calls `onRing`; keeps the process alive. */
  listen(onRing: () => void): void {
    this.#watch ??= watch(this.descriptor, () => {
      this.silence();
      onRing();
    });
    this.#watch.update(READABLE);
  }

  ignore(): void {
    this.#watch?.update(0);
  }

  /** Takes back all rings so far. */
  silence(): void {
    while (read(this.descriptor, rings, 0, rings.length) === rings.length);
  }

  close(): void {
    this.#watch?.close();
    unlinkQuietly(this.#path);
    closeSync(this.descriptor);
  }
}

/** A line to somebody else's bell: to ring it, and to hear of the death at the other end. */
export class BellLine {
  readonly high: number;
  readonly low: number;
  readonly descriptor: number;
  #watch: Watch | undefined;

  private constructor(high: number, low: number, descriptor: number) {
    this.high = high;
    this.low = low;
    this.descriptor = descriptor;
  }

  /** Undefined when nobody listens there any more. */
  static open(high: number, low: number): BellLine | undefined {
    try {
      const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
      return new BellLine(high, low, openSync(bellPath(high, low), flags));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENXIO' || code === 'ENOENT' || code === 'EACCES' || code === 'ELOOP') return undefined;
      throw fromErrno(error, 'open the bell', bellPath(high, low));
    }
  }

  /** False when nobody listens any more. */
  ring(): boolean {
    try {
      write(this.descriptor, ring, 0, 1); // no room means that it is being rung already
      return true;
    } catch {
      return false;
    }
  }

  /** Calls `onSilence` once nobody listens any more. Does not keep the process alive. */
  watch(onSilence: () => void): void {
    if (this.#watch !== undefined) return;
    this.#watch = watch(this.descriptor, () => {
      this.#watch?.update(0);
      onSilence();
    });
    this.#watch.update(DISCONNECT);
    this.#watch.unref();
  }

  close(): void {
    this.#watch?.close();
    closeSync(this.descriptor);
  }
}

/**
 * Makes a FIFO and opens it, under a passing name: a bell that has its own name always has a reader, unless its owner
 * is gone. Undefined when a sweep took the passing name away.
 *
 * `fs.openSync`, because Node closes what a worker thread opened with it when that thread ends.
 */
function hang(path: string, mode: number): number | undefined {
  const passing = `${path}.new`;
  let descriptor: number | undefined;
  try {
    mkfifo(passing, 0o600);
    descriptor = openSync(passing, constants.O_RDWR | constants.O_NONBLOCK);
    fchmodSync(descriptor, mode);
    renameSync(passing, path);
    return descriptor;
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    unlinkQuietly(passing);
    throw fromErrno(error, 'make the FIFO', path);
  }
}

/** Removes the bells of the dead, half-made ones included. Cost: two system calls for each bell there is. */
export function sweepBells(): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith(prefix)) removeIfSilent(`${directory}/${name}`);
  }
}

/** Removes the bell of somebody who is gone. */
export function removeBell(high: number, low: number): void {
  removeIfSilent(bellPath(high, low));
}

function removeIfSilent(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') unlinkQuietly(path);
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // gone already, or another user's
  }
}
