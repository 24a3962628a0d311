import { spawnSync } from 'node:child_process';

/**
 * A Python that runs, for the tests of interoperability; undefined where there is none.
 *
 * It is tried, not looked up: a version manager's `python3` may be there and refuse to start.
 */
export const python: string | undefined = ['python3', '/usr/bin/python3'].find(
  (command) => spawnSync(command, ['-c', 'import ctypes, mmap, socket'], { stdio: 'ignore' }).status === 0,
);
