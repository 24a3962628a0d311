/** What a figure depends on beside the code: written into each result, so that two can be compared knowingly. */
import { execFileSync } from 'node:child_process';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';
import { clockOverheadNs } from './clock.ts';
import { observeLimits, type Limits } from './limits.ts';
import { processorTime, stolenFraction } from './processor-time.ts';
import { SystemFiles } from './system-files.ts';
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
    /** Whether it may run faster than its name says while it is cool. */
    readonly turbo: boolean | null;
    /** How many processors' time the control group allows; `null` is all. */
    readonly quota: number | null;
    /** What the kernel does at each entry because the processor leaks. */
    readonly mitigations: readonly string[];
    /** What part of the time since its start other virtual machines have taken. */
    readonly stolen: number | null;
  };
  /** `always`, `madvise` or `never`. */
  readonly transparentHugePages: string | null;
  /** How late a timer may be. */
  readonly timerSlackNs: number | null;
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

/** Looks at the machine now. Costs a few milliseconds. */
export function observeEnvironment(files: SystemFiles = new SystemFiles()): Environment {
  const smt = files.number('sys/devices/system/cpu/smt/active');
  return {
    cpu: {
      model: cpus()[0]?.model ?? 'unknown',
      architecture: arch(),
      online: cpus().length,
      allowed: allowedCpus(),
      simultaneousMultithreading: smt === null ? null : smt === 1,
      governor: files.text('sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
      turbo: observeTurbo(files),
      quota: observeQuota(files),
      mitigations: observeMitigations(files),
      stolen: stolenFraction(null, processorTime(files)),
    },
    virtualised: /^flags\s*:.*\bhypervisor\b/m.test(files.text('proc/cpuinfo') ?? ''),
    kernel: `${type()} ${release()}`,
    memoryBytes: totalmem(),
    node: process.version,
    v8: process.versions.v8,
    load: observeLoad(files),
    transparentHugePages:
      /\[(\w+)\]/.exec(files.text('sys/kernel/mm/transparent_hugepage/enabled') ?? '')?.[1] ?? null,
    timerSlackNs: files.number('proc/self/timerslack_ns'),
    clock: {
      source: files.text('sys/devices/system/clocksource/clocksource0/current_clocksource'),
      overheadNs: clockOverheadNs(),
    },
    limits: observeLimits(files),
    git: observeGit(),
  };
}

function observeLoad(files: SystemFiles): number[] {
  const averages = (files.text('proc/loadavg') ?? '').split(' ').slice(0, 3).map(Number);
  return averages.length === 3 ? averages : loadavg();
}

function observeTurbo(files: SystemFiles): boolean | null {
  const off = files.number('sys/devices/system/cpu/intel_pstate/no_turbo');
  if (off !== null) return off === 0;
  const boost = files.number('sys/devices/system/cpu/cpufreq/boost');
  return boost === null ? null : boost === 1;
}

/** Of the control group this process is in. Source: Linux, Documentation/admin-guide/cgroup-v2.rst, cpu.max. */
function observeQuota(files: SystemFiles): number | null {
  const group = /^0::(.*)$/m.exec(files.text('proc/self/cgroup') ?? '')?.[1] ?? '/';
  const [most, period] = (files.text(`sys/fs/cgroup${group}/cpu.max`) ?? '').split(' ').map(Number);
  return most === undefined || Number.isNaN(most) || period === undefined ? null : most / period;
}

function observeMitigations(files: SystemFiles): string[] {
  const directory = 'sys/devices/system/cpu/vulnerabilities';
  return files.list(directory).filter((name) => files.text(`${directory}/${name}`)?.startsWith('Mitigation'));
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
