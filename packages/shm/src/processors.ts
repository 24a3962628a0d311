import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * How many processors there are for this process and its peers.
 *
 * Who may use one only was pinned there, and those it talks with most likely elsewhere: then all of the machine count. Where they share
 * that one after all, spins fail, and stop for that (see `Spin`).
 */
export const processors: number = countProcessors();

function countProcessors(): number {
  const own = availableParallelism();
  return own > 1 ? own : Math.max(own, countOnline());
}

/** Processors of the machine that are switched on; 0 where the kernel does not tell. Source: the kernel's cputopology.rst, a list such as `0-3,6`. */
function countOnline(): number {
  try {
    let count = 0;
    for (const range of readFileSync('/sys/devices/system/cpu/online', 'latin1').split(',')) {
      const [first = NaN, last = first] = range.split('-').map(Number);
      count += last - first + 1;
    }
    return Number.isInteger(count) ? count : 0;
  } catch {
    return 0; // no sysfs
  }
}
