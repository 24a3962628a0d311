/**
 * The exclusive claim of a path between processes, released by the kernel when its holder dies.
 *
 * The claim is an OFD lock on a lock file. Whoever unlinks that file may race with one who has opened it and waits to
 * lock: the latter would then hold a lock on a file that has no name. So after locking, the file under the path must be
 * the locked one; else the claim starts again.
 */
import { constants, fstatSync, statSync, unlinkSync } from 'node:fs';
import { close, open } from './descriptor.ts';
import { ofdLock } from './lock.ts';

/** A path that no other process can claim. */
export interface PathClaim extends Disposable {
  readonly path: string;
  /** Removes the lock file while it is held, then lets go of it. Twice is harmless. */
  release(): void;
}

/**
 * Claims a path by locking the file of that name, which is created (mode 0600) when absent and removed on release.
 *
 * @param path - Of a lock file that holds nothing else. A symbolic link there is refused.
 * @returns `undefined` when a live holder has it, in this process or another.
 * @throws EACCES, ENOENT (no such folder), ELOOP (a symbolic link), EISDIR.
 * Cost: four system calls. Source: F_OFD_SETLK in fcntl(2).
 */
export function claimPath(path: string): PathClaim | undefined {
  for (;;) {
    const fd = open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    let kept = false;
    try {
      if (!ofdLock(fd, 'exclusive', 0, 0)) return undefined;
      kept = isFileAt(path, fd);
      if (kept) return claim(path, fd);
    } finally {
      if (!kept) close(fd);
    }
  }
}

function isFileAt(path: string, fd: number): boolean {
  const held = fstatSync(fd, { bigint: true });
  const named = statSync(path, { bigint: true, throwIfNoEntry: false });
  return named?.ino === held.ino && named.dev === held.dev;
}

function claim(path: string, fd: number): PathClaim {
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    try {
      if (isFileAt(path, fd)) unlinkSync(path);
    } finally {
      close(fd);
    }
  };
  return { path, release, [Symbol.dispose]: release };
}
