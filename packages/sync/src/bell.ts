/**
 * The bell of a thread: a FIFO that others write to in order to wake it.
 *
 * It is watched on the event loop by those who wait there, and polled by those who block. Because its only reader
 * is the thread it belongs to, it is also a death notice: whoever holds it open for writing learns from the kernel, at
 * once, that the last reader is gone. See fifo(7).
 */
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { fromErrno } from '@ipc/core';
import { mkfifo, read, READABLE, watch, type Watch } from '@ipc/native';
import { closeLines } from './bell-line.ts';
import { bellDirectory, bellPath, bellPrefix, ofTrace, tracePath, type Sleeper } from './bell-path.ts';

let bell: Bell | undefined;
let users = 0;

/** The bell of the calling thread, made by the first who asks. Pair with {@link releaseBell}. */
export function retainBell(): Bell {
  bell ??= new Bell();
  users++;
  return bell;
}

/** Closes and removes the bell with its last user. */
export function releaseBell(): void {
  if (--users > 0) return;
  bell?.close();
  bell = undefined;
}

export class Bell {
  /** The id, as two words. */
  readonly high: number;
  readonly low: number;
  /** Readable while somebody has rung. */
  readonly descriptor: number;
  readonly #path: string;
  readonly #watch: Watch;
  readonly #sleepers = new Set<Sleeper>();
  readonly #drained = new Uint8Array(4096);
  #lookingSoon = false;

  constructor() {
    sweep();
    for (;;) {
      const id = randomBytes(8);
      this.high = id.readInt32LE(0);
      this.low = id.readInt32LE(4);
      this.#path = bellPath(this.high, this.low);
      const descriptor = hang(this.#path);
      if (descriptor === undefined) continue;
      this.descriptor = descriptor;
      break;
    }
    this.#watch = watch(this.descriptor, () => {
      this.silence();
      this.#lookAll();
    });
  }

  /** Lets other users ring who may use a region of this mode: they get the right to write, and no right to read. */
  allow(mode: number): void {
    if ((mode & 0o022) !== 0) fchmodSync(this.descriptor, 0o600 | (mode & 0o022));
  }

  /** From now on a ring makes `sleeper` look. Keeps the process alive. */
  add(sleeper: Sleeper): void {
    if (this.#sleepers.size === 0) this.#watch.update(READABLE);
    this.#sleepers.add(sleeper);
  }

  delete(sleeper: Sleeper): void {
    if (this.#sleepers.delete(sleeper) && this.#sleepers.size === 0) this.#watch.update(0);
  }

  /** Takes back all rings so far. The caller then looks, and calls {@link share} if others may have been meant. */
  silence(): void {
    while (read(this.descriptor, this.#drained, 0, this.#drained.length) === this.#drained.length);
  }

  /** A blocking wait has taken the rings of everybody: let those on the event loop look too, in its next turn. */
  share(): void {
    if (this.#lookingSoon || this.#sleepers.size === 0) return;
    this.#lookingSoon = true;
    setImmediate(() => {
      this.#lookingSoon = false;
      this.#lookAll();
    });
  }

  close(): void {
    this.#watch.close();
    closeLines();
    unlinkQuietly(tracePath(this.#path));
    unlinkQuietly(this.#path);
    closeSync(this.descriptor);
  }

  #lookAll(): void {
    for (const sleeper of [...this.#sleepers]) sleeper.look();
  }
}

/**
 * Makes a FIFO and opens it, under a passing name: a bell that has its own name always has a reader, unless its
 * thread is gone. Undefined when a sweep took the passing name away.
 *
 * `fs.openSync`, because Node closes what a worker thread opened with it when that thread ends.
 */
function hang(path: string): number | undefined {
  const passing = `${path}.new`;
  let descriptor: number | undefined;
  try {
    mkfifo(passing, 0o600);
    descriptor = openSync(passing, constants.O_RDWR | constants.O_NONBLOCK);
    renameSync(passing, path);
    return descriptor;
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    unlinkQuietly(passing);
    throw fromErrno(error, `make the FIFO ${path}`);
  }
}

/** Removes the bells of the dead, and traces whose bell was removed. */
function sweep(): void {
  for (const name of readdirSync(bellDirectory)) {
    if (!name.startsWith(bellPrefix)) continue;
    const path = `${bellDirectory}/${name}`;
    const bellOfTrace = ofTrace(path);
    if (bellOfTrace === undefined) removeIfSilent(path);
    else if (!existsSync(bellOfTrace)) unlinkQuietly(path);
  }
}

/** Removes a bell without a reader: its thread is gone. */
export function removeIfSilent(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') {
      unlinkQuietly(tracePath(path));
      unlinkQuietly(path);
    }
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // gone already, or another user's
  }
}
