/** What makes this machine noisy or limits it, and the command that changes it. */
import type { Environment } from './environment.ts';

export interface Finding {
  readonly what: string;
  /** What it does to the figures. */
  readonly effect: string;
  /** A command, or a sentence where there is none. */
  readonly remedy: string;
}

/** Looks for causes of noise and limits that leave cells out. An empty list is a good machine. */
export function diagnose({ clock, cpu, limits, load, virtualised }: Environment): Finding[] {
  const findings: Finding[] = [];
  const find = (isSo: boolean, what: string, effect: string, remedy: string): void => {
    if (isSo) findings.push({ what, effect, remedy });
  };
  const [lastMinute = 0] = load;
  find(
    virtualised,
    'a virtual machine',
    'waking a process on another core goes through the hypervisor, and other machines take time',
    'measure on the metal where you can, or compare ratios within one run only',
  );
  find(
    cpu.allowed.length < 2,
    'only one processor may be used',
    'nothing can be measured across cores',
    'taskset -p -c 0-N PID of the shell, or a wider cpuset',
  );
  find(
    cpu.allowed.length === 2,
    'two processors for two busy processes',
    'everything else that runs takes their time, which shows in p99',
    'end what need not run; a machine of four cores or more',
  );
  find(
    lastMinute > 0.5,
    `a load of ${lastMinute.toFixed(1)}`,
    'others take processor time: rates are too low and percentiles too high',
    'ps -eo pcpu,pid,args --sort=-pcpu | head',
  );
  find(
    cpu.governor !== null && cpu.governor !== 'performance',
    `the frequency governor is ${cpu.governor ?? ''}`,
    'a core that has slept starts slowly',
    'cpupower frequency-set -g performance',
  );
  find(
    cpu.simultaneousMultithreading === true,
    'simultaneous multithreading is on',
    'a busy sibling halves a core',
    'echo off > /sys/devices/system/cpu/smt/control',
  );
  find(
    clock.source !== null && clock.source !== 'tsc' && clock.source !== 'arch_sys_counter',
    `the clock source is ${clock.source ?? ''}`,
    `reading the clock costs ${clock.overheadNs.toFixed(0)} ns and may enter the kernel`,
    'cat /sys/devices/system/clocksource/clocksource0/available_clocksource',
  );
  find(
    limits.queueMessages !== null && limits.queueMessages < 64,
    `a POSIX queue holds ${String(limits.queueMessages)} messages`,
    'mq.posix waits for the other side at every few messages',
    'sysctl fs.mqueue.msg_max=256',
  );
  find(
    limits.queueMessageBytes !== null && limits.queueMessageBytes < 65_536,
    `a message of a POSIX queue has at most ${String(limits.queueMessageBytes)} bytes`,
    'mq.posix is not measured with larger ones',
    'sysctl fs.mqueue.msgsize_max=65536',
  );
  find(
    limits.sharedMemoryBytes !== null && limits.sharedMemoryBytes < 256 << 20,
    `/dev/shm has ${String((limits.sharedMemoryBytes ?? 0) >> 20)} MiB`,
    'large rings do not fit',
    'mount -o remount,size=1g /dev/shm',
  );
  find(
    limits.openFiles !== null && limits.openFiles < 1024,
    `${String(limits.openFiles)} open files are allowed`,
    'pairs of processes may not start',
    'ulimit -n 4096',
  );
  return findings;
}

export function renderFindings(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'Nothing here disturbs a measurement.\n';
  return findings
    .map(({ what, effect, remedy }) => `${what}\n  effect: ${effect}\n  remedy: ${remedy}\n`)
    .join('\n');
}
