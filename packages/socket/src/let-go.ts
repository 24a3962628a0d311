import { quietly } from '@ipc/core';
import { close } from '@ipc/native';

/** Closes a descriptor that was not opened by `node:fs`. Never throws. */
export function letGo(fd: number): void {
  quietly(() => {
    close(fd);
  });
}
