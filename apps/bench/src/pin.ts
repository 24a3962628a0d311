import { execFileSync } from 'node:child_process';
import { isMainThread } from 'node:worker_threads';
import { setAffinity, unavailable } from '@ipc/native';

/**
 * Keeps the calling thread on some processors. The runtime's helper threads, which run already, stay free, as they
 * would in a program.
 *
 * @returns By what it was done, or `undefined` where it cannot be: no addon and no `taskset`.
 */
export function pinThread(cpus: readonly number[]): 'sched_setaffinity' | 'taskset' | undefined {
  if (unavailable() === undefined) {
    setAffinity(cpus);
    return 'sched_setaffinity';
  }
  if (!isMainThread) return undefined; // its id is not known here
  try {
    execFileSync('taskset', ['-p', '-c', cpus.join(','), String(process.pid)], { stdio: 'ignore' });
    return 'taskset';
  } catch {
    return undefined;
  }
}
