/** Which processors the two processes run on. */
import { readFileSync } from 'node:fs';
import type { Placement } from './scenario.ts';

export type CpuPair = readonly [leader: number, follower: number];

/**
 * Two processors for each placement; no `cross-core` where only one may be used.
 *
 * Across cores, one of another physical core is preferred to a hardware thread of the same one.
 */
export function choosePlacements(
  allowed: readonly number[] = allowedCpus(),
  siblings: (cpu: number) => readonly number[] = hardwareThreadsOf,
): ReadonlyMap<Placement, CpuPair> {
  const [first, ...others] = allowed;
  if (first === undefined) throw new RangeError('no processor may be used');
  const sameCore = siblings(first);
  const second = others.find((cpu) => !sameCore.includes(cpu)) ?? others[0];
  const placements = new Map<Placement, CpuPair>();
  if (second !== undefined) placements.set('cross-core', [first, second]);
  placements.set('same-core', [first, first]);
  return placements;
}

/** The processors this process may run on. Source: proc_pid_status(5). */
export function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
  return list === undefined ? [0] : parseCpuList(list);
}

/** `0-2,5` is 0, 1, 2, 5. */
export function parseCpuList(list: string): number[] {
  return list
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [from = NaN, to = from] = range.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, index) => from + index);
    });
}

function hardwareThreadsOf(cpu: number): readonly number[] {
  try {
    return parseCpuList(
      readFileSync(`/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`, 'latin1'),
    );
  } catch {
    return [cpu];
  }
}
