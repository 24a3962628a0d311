import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { campaignName } from './worker.ts';

const limitBytes = 64 << 20;

/** 64 MiB more and no further: a memory cgroup of its own for a process, of either version, where this process may make one. */
export function limitMemory(pid: number): Disposable & { readonly isOn: boolean } {
  const isFirst = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');
  const folder = join(isFirst ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup', campaignName('limit'));
  const remove = (): void => {
    try {
      rmdirSync(folder);
    } catch {
      // not made, or the process is still going
    }
  };
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, isFirst ? 'memory.limit_in_bytes' : 'memory.max'), String(limitBytes));
    writeFileSync(join(folder, 'cgroup.procs'), String(pid));
    return { isOn: true, [Symbol.dispose]: remove };
  } catch {
    remove();
    return { isOn: false, [Symbol.dispose]: () => undefined };
  }
}
