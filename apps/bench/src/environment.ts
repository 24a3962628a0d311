/** What a figure depends on beside the code: written into each result, so that two can be compared knowingly. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';
import { clockOverheadNs } from './clock.ts';
import { allowedCpus } from './topology.ts';

export interface Environment {
  readonly cpu: {
    readonly model: string;
    readonly architecture: string;
    readonly online: number;
    /** Those this process may use. */
    readonly allowed: readonly number[];
    readonly simultaneousMultithreading: boolean | null;
    readonly governor: string | null;
  };
  readonly virtualised: boolean;
  readonly kernel: string;
  readonly memoryBytes: number;
  readonly node: string;
  readonly v8: string;
  readonly load: readonly number[];
  readonly clock: { readonly source: string | null; readonly overheadNs: number };
  readonly limits: Limits;
  readonly git: { readonly commit: string; readonly dirty: boolean } | null;
}

/** Limits that decide what fits; `null` where the system does not tell. */
export interface Limits {
  readonly openFiles: number | null;
  readonly queueBytes: number | null;
  readonly queueMessages: number | null;
  readonly queueMessageBytes: number | null;
  readonly pipeBytes: number | null;
  readonly socketSendBytes: number | null;
  readonly socketBacklog: number | null;
  readonly sharedMemoryBytes: number | null;
}

/** Looks at the machine now. Costs a few milliseconds. */
export function observeEnvironment(): Environment {
  const cpuInfo = readText('/proc/cpuinfo') ?? '';
  const smt = readNumber('/sys/devices/system/cpu/smt/active');
  return {
    cpu: {
      model: cpus()[0]?.model ?? 'unknown',
      architecture: arch(),
      online: cpus().length,
      allowed: allowedCpus(),
      simultaneousMultithreading: smt === null ? null : smt === 1,
      governor: readText('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor') ?? null,
    },
    virtualised: /^flags\s*:.*\bhypervisor\b/m.test(cpuInfo),
    kernel: `${type()} ${release()}`,
    memoryBytes: totalmem(),
    node: process.version,
    v8: process.versions.v8,
    load: loadavg(),
    clock: {
      source: readText('/sys/devices/system/clocksource/clocksource0/current_clocksource') ?? null,
      overheadNs: clockOverheadNs(),
    },
    limits: observeLimits(),
    git: observeGit(),
  };
}

function observeLimits(): Limits {
  const own = readText('/proc/self/limits') ?? '';
  const softLimit = (name: string): number | null => {
    const value = new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(own)?.[1];
    return value === undefined ? null : Number(value);
  };
  return {
    openFiles: softLimit('Max open files'),
    queueBytes: softLimit('Max msgqueue size'),
    queueMessages: readNumber('/proc/sys/fs/mqueue/msg_max'),
    queueMessageBytes: readNumber('/proc/sys/fs/mqueue/msgsize_max'),
    pipeBytes: readNumber('/proc/sys/fs/pipe-max-size'),
    socketSendBytes: readNumber('/proc/sys/net/core/wmem_max'),
    socketBacklog: readNumber('/proc/sys/net/core/somaxconn'),
    sharedMemoryBytes: sharedMemoryBytes(),
  };
}

function sharedMemoryBytes(): number | null {
  try {
    const { bsize, blocks } = statfsSync('/dev/shm');
    return bsize * blocks;
  } catch {
    return null;
  }
}

function observeGit(): Environment['git'] {
  const git = (...command: string[]): string =>
    execFileSync('git', command, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    return { commit: git('rev-parse', 'HEAD').trim(), dirty: git('status', '--porcelain').trim() !== '' };
  } catch {
    return null; // not a checkout, or no git
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function readNumber(path: string): number | null {
  const text = readText(path);
  return text === undefined || text === '' ? null : Number(text);
}
