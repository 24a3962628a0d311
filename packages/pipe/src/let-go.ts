/**
 * Giving things back. Nothing here throws, for nobody could do anything about it, and what comes after must be given back too:
 * a close that fails has closed (close(2)), and a name that stays is replaced by whoever claims it next.
 */
import { unlinkSync } from 'node:fs';
import { close as closeOrThrow, type PathClaim } from '@ipc/native';

/** Closes a descriptor; -1 is none. */
export function close(fd: number): void {
  if (fd !== -1)
    quietly(() => {
      closeOrThrow(fd);
    });
}

export function removeName(path: string): void {
  quietly(() => {
    unlinkSync(path);
  });
}

export function release(claim: PathClaim): void {
  quietly(() => {
    claim.release();
  });
}

function quietly(call: () => void): void {
  try {
    call();
  } catch {
    // see above
  }
}
