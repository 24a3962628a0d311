/** Where the calling thread runs. */
import { native } from './binding.ts';

/** The processors this thread may run on, ascending. Source: sched_getaffinity(2). */
export const affinity: () => number[] = native('affinity');

/**
 * Pins the calling thread. Threads it starts later inherit it; those that run already (V8's, libuv's) do not.
 *
 * @throws {TypeError} Not an array of integers. @throws {RangeError} Not 0..8191.
 * @throws EINVAL when none of them exists or is allowed. Source: sched_setaffinity(2).
 */
export const setAffinity: (cpus: readonly number[]) => void = native('setAffinity');

/** The processor this thread was on at the time of the call. Source: getcpu(2). */
export const currentCpu: () => number = native('currentCpu');

/** The kernel's id of the calling thread; equals `process.pid` on the main one. Source: gettid(2). */
export const threadId: () => number = native('threadId');
