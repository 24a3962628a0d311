/** Giving things back. Nothing here throws. */
import { unlinkSync } from 'node:fs';
import { quietly } from '@ipc/core';
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
