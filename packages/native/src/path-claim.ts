/**
 * The exclusive claim of a path between processes, released by the kernel when its holder dies.
 *
 * The claim is an OFD lock on a lock file. Whoever unlinks that file may race with one who has opened it and waits to
 * lock: the latter would then hold a lock on a file that has no name. So after locking, the file under the path must be
 * the locked one; else the claim starts again.
 *
 * A holder locks the whole file. Who only removes what the dead have left locks byte 1 alone, for an instant: whoever wants
 * the name meanwhile finds byte 0 free, and waits instead of being told that the name is taken.
 */
import { constants, fstatSync, statSync, unlinkSync } from 'node:fs';
import { close, closeAtThreadExit, open } from './descriptor.ts';
import { ofdHolder, ofdLock } from './lock.ts';

/** A path that no other process can claim. It goes with the thread that made it, if that ends before `release`. */
export interface PathClaim extends Disposable {
  readonly path: string;
  /** Removes the lock file while it is held, unless it shall be kept, then lets go of it. Twice is harmless. */
  release(options?: { readonly keepFile?: boolean | undefined }): void;
}

/** Looks, one millisecond apart, at a claim that is being swept away; a sweeper takes far less, unless it is stopped. */
const sweepLooks = 100;
const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Claims a path by locking the file of that name, which is created (mode 0600) when absent and removed on release.
 *
 * @param path - Of a lock file that holds nothing else. A symbolic link there is refused.
 * @returns `undefined` when a live holder has it, in this process or another.
 * @throws EACCES, ENOENT (no such folder), ELOOP (a symbolic link), EISDIR.
 * Cost: six system calls; up to 100 ms when whoever sweeps the name is stopped in the middle of it.
 * Source: F_OFD_SETLK in fcntl(2).
 */
export function claimPath(path: string): PathClaim | undefined {
  for (let looks = 0; ;) {
    const { fd, created } = openOrCreate(path);
    let kept = false;
    try {
      if (ofdLock(fd, 'exclusive', 0, 0)) {
        if (isFileAt(path, fd)) {
          const claimed = claim(path, fd);
          kept = true;
          return claimed;
        }
      } else {
        if (ofdHolder(fd, 'exclusive', 0, 1) || ++looks > sweepLooks) return undefined;
        Atomics.wait(pause, 0, 0, 1);
      }
    } catch (error) {
      // There are no locks here (a file system without, or none left): the file would claim the name for nobody.
      if (created && isFileAt(path, fd)) unlinkSync(path);
      throw error;
    } finally {
      if (!kept) close(fd);
    }
  }
}

function openOrCreate(path: string): { fd: number; created: boolean } {
  const access = constants.O_RDWR | constants.O_NOFOLLOW;
  for (;;) {
    try {
      return { fd: open(path, access | constants.O_CREAT | constants.O_EXCL, 0o600), created: true };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    try {
      return { fd: open(path, access), created: false };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // else released in between
    }
  }
}

/**
 * Claims a path that a dead process has left claimed, to remove what it has left, and at once release it.
 *
 * @returns `undefined` when there is no lock file, a live process holds it, or another sweeps it.
 * @throws As {@link claimPath}.
 */
export function claimAbandonedPath(path: string): PathClaim | undefined {
  let fd: number;
  try {
    fd = open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  let kept = false;
  try {
    if (!ofdLock(fd, 'exclusive', 1, 1) || !isFileAt(path, fd)) return undefined;
    const claimed = claim(path, fd);
    kept = true;
    return claimed;
  } finally {
    if (!kept) close(fd);
  }
}

function isFileAt(path: string, fd: number): boolean {
  const held = fstatSync(fd, { bigint: true });
  const named = statSync(path, { bigint: true, throwIfNoEntry: false });
  return named?.ino === held.ino && named.dev === held.dev;
}

function claim(path: string, fd: number): PathClaim {
  closeAtThreadExit(fd);
  let held = true;
  const release: PathClaim['release'] = ({ keepFile = false } = {}) => {
    if (!held) return;
    held = false;
    try {
      if (!keepFile && isFileAt(path, fd)) unlinkSync(path);
    } finally {
      close(fd);
    }
  };
  return {
    path,
    release,
    [Symbol.dispose]: () => {
      release();
    },
  };
}
