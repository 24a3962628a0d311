/**
 * Giving things back. Nothing here throws, for nobody could do anything about it, and what comes after must be given back too:
 * a close that fails has closed (close(2)), and a name that stays is replaced by whoever claims it next.
 */
import { close } from '@ipc/native';

/** Closes a descriptor that was not opened by `node:fs`. */
export function letGo(fd: number): void {
  quietly(() => {
    close(fd);
  });
}

export function quietly(giveBack: () => void): void {
  try {
    giveBack();
  } catch {
    // see above
  }
}
