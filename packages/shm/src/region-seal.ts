/** Memory without a name is sealed: nobody to whom it was passed can shrink it under another. Source: F_ADD_SEALS in fcntl(2). */
import { addSeals, getSeals, SEAL_GROW, SEAL_SEAL, SEAL_SHRINK } from '@ipc/native';

const SIZE: number = SEAL_SHRINK | SEAL_GROW;

export function sealSize(fd: number): void {
  addSeals(fd, SIZE | SEAL_SEAL);
}

/** False too for what is no memfd. */
export function isSizeSealed(fd: number): boolean {
  try {
    return (getSeals(fd) & SIZE) === SIZE;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return false;
    throw error;
  }
}
