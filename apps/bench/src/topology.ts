/** Which processors share what. Source: Linux, Documentation/admin-guide/cputopology.rst and sysfs-devices-system-cpu. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Topology {
  /** Those this process may use, ascending; at least one. */
  readonly allowed: readonly number[];
  /** All hardware threads of the same physical core, itself included. */
  siblings(cpu: number): readonly number[];
  /** All that share its last level of cache, itself included; all of its socket where the kernel tells no caches. */
  cacheMates(cpu: number): readonly number[];
  /** The number of its socket. */
  socket(cpu: number): number;
}

/**
 * @param allowed - Those that may be used.
 * @param root - Where the kernel tells about processors.
 */
export function readTopology(
  allowed: readonly number[] = allowedCpus(),
  root: string = '/sys/devices/system/cpu',
): Topology {
  if (allowed.length === 0) throw new RangeError('no processor may be used');
  const text = (cpu: number, file: string): string | undefined => {
    try {
      return readFileSync(join(root, `cpu${cpu}`, file), 'latin1').trim();
    } catch {
      return undefined; // a container or an odd machine: everything is as far as everything else
    }
  };
  const list = (cpu: number, file: string): readonly number[] | undefined => {
    const value = text(cpu, file);
    return value === undefined ? undefined : parseCpuList(value);
  };
  const socket = (cpu: number): number => Number(text(cpu, 'topology/physical_package_id') ?? 0);
  const lastLevel = (cpu: number): readonly number[] | undefined => {
    const caches = indexesOf(join(root, `cpu${cpu}`, 'cache')).map((index) => ({
      level: Number(text(cpu, `cache/${index}/level`) ?? 0),
      mates: list(cpu, `cache/${index}/shared_cpu_list`),
    }));
    const [last] = caches.sort((a, b) => b.level - a.level);
    return last !== undefined && last.level >= 3 ? last.mates : undefined;
  };
  return {
    allowed,
    siblings: (cpu) => list(cpu, 'topology/thread_siblings_list') ?? [cpu],
    cacheMates: (cpu) => lastLevel(cpu) ?? allowed.filter((other) => socket(other) === socket(cpu)),
    socket,
  };
}

function indexesOf(directory: string): string[] {
  try {
    return readdirSync(directory).filter((entry) => entry.startsWith('index'));
  } catch {
    return [];
  }
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
