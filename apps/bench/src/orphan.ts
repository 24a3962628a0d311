/** Apart from `run-directory.ts`, which needs mechanisms that a measured process had better not load with its own. */
import { rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

/** The directory of a crew whose run is gone, and with the last one that of the run. */
export function removeOrphan(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
    rmdirSync(dirname(directory));
  } catch {
    // others are at it as well: the last one succeeds
  }
}
