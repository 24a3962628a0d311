/** What makes this machine noisy or limits it, and the command that changes it. */
import type { Environment } from './environment.ts';

export interface Check {
  readonly name: string;
  /** As it is now; `null` where the system does not tell. */
  readonly value: string | null;
  readonly isFine: boolean;
  /** What it does to the figures if it is not. */
  readonly effect: string;
  /** A command, or a sentence where there is none. */
  readonly remedy: string;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** What disturbs first, then what limits. Each is looked at, fine or not. */
export function diagnose(environment: Environment): Check[] {
  return [...noise(environment), ...limits(environment)];
}

/** A check of something that may be unknown, which is fine. */
function check<T>(
  name: string,
  value: T | null,
  isFine: (value: T) => boolean,
  write: (value: T) => string,
  [effect, remedy]: readonly [effect: string, remedy: string],
): Check {
  const isKnown = value !== null;
  return {
    ...{ name, value: isKnown ? write(value) : null, isFine: !isKnown || isFine(value) },
    ...{ effect, remedy },
  };
}

const asIs = (text: string): string => text;
const onOff = (isOn: boolean): string => (isOn ? 'on' : 'off');

function noise({
  clock,
  cpu,
  load: [load = 0],
  timerSlackNs,
  transparentHugePages,
  virtualised,
}: Environment): Check[] {
  return [
    check(
      'virtual machine',
      virtualised,
      (is) => !is,
      (is) => (is ? 'yes' : 'no'),
      [
        'waking a process on another core goes through the hypervisor: 50 to 300 µs instead of 5',
        'measure on the metal where you can; compare ratios within one run only',
      ],
    ),
    check('stolen time', cpu.stolen, (part) => part < 0.005, percent, [
      'other virtual machines run while a message is under way: tails that nothing here causes',
      'a dedicated host, or another hour: watch st in `vmstat 1`',
    ]),
    check('processors', cpu.allowed.length, (count) => count > 2, String, [
      cpu.allowed.length === 1
        ? 'nothing can be measured across cores'
        : 'two processes keep both busy: whatever else runs takes their time, which shows in p99',
      'end what need not run; a wider mask: taskset -a -p -c 0-63 PID of the shell; a larger machine',
    ]),
    check(
      'processor quota',
      cpu.quota,
      () => false,
      (quota) => `${quota} processors' time`,
      [
        'the control group stops whoever has used up his part of a period: pauses of tens of milliseconds',
        'echo max > /sys/fs/cgroup/GROUP/cpu.max, or docker run without --cpus',
      ],
    ),
    check(
      'load',
      load,
      (value) => value <= 0.5,
      (value) => value.toFixed(1),
      [
        'others take processor time: rates are too low and percentiles too high',
        'ps -eo pcpu,pid,args --sort=-pcpu | head',
      ],
    ),
    check('frequency governor', cpu.governor, (name) => name === 'performance', asIs, [
      'a core that has slept starts slowly: the first messages after a rest, and every wake-up, are slower',
      'cpupower frequency-set -g performance',
    ]),
    check('turbo', cpu.turbo, (isOn) => !isOn, onOff, [
      'the clock depends on heat and on how many cores are busy: repeats differ by a tenth and more',
      'echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 > /sys/devices/system/cpu/cpufreq/boost',
    ]),
    check('simultaneous multithreading', cpu.simultaneousMultithreading, (isOn) => !isOn, onOff, [
      'a busy sibling halves a core',
      'echo off > /sys/devices/system/cpu/smt/control',
    ]),
    check('transparent huge pages', transparentHugePages, (mode) => mode !== 'always', asIs, [
      'pages are put together while something is measured: single pauses, and large rings that differ from run to run',
      'echo madvise > /sys/kernel/mm/transparent_hugepage/enabled',
    ]),
    check(
      'timer slack',
      timerSlackNs,
      (ns) => ns <= 50_000,
      (ns) => `${ns / 1000} µs`,
      [
        'whoever sleeps for a time wakes so much later: waits with a time limit, and rests between paced requests',
        'echo 50000 > /proc/PID of the shell/timerslack_ns',
      ],
    ),
    check(
      'clock source',
      clock.source,
      (name) => ['tsc', 'arch_sys_counter', 'kvm-clock'].includes(name),
      (name) => `${name}, ${clock.overheadNs.toFixed(0)} ns a reading`,
      [
        'reading the clock enters the kernel: what is timed message by message gets slower',
        'echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, if it is available there',
      ],
    ),
    check(
      'mitigations',
      cpu.mitigations,
      (names) => names.length === 0,
      (names) => (names.length === 0 ? 'none' : names.join(', ')),
      [
        'every system call costs more, by a tenth to double: what makes none gains beside what does',
        'as it should be where strangers run code; for a machine of measurements: mitigations=off on the kernel command line',
      ],
    ),
  ];
}

function limits({ limits: found }: Environment): Check[] {
  const atLeast = (least: number) => (value: number) => value >= least;
  const bytes = (value: number): string => (value < 2 ** 20 ? `${value} bytes` : mebibytes(value));
  const unlimited = (write: (value: number) => string) => (value: number) =>
    value === Infinity ? 'unlimited' : write(value);
  return [
    check('messages in a POSIX queue', found.queueMessages, atLeast(64), String, [
      'mq.posix waits for the other side at every few messages',
      'sysctl fs.mqueue.msg_max=256',
    ]),
    check('message of a POSIX queue', found.queueMessageBytes, atLeast(65_536), bytes, [
      'what is larger goes another way, or is not measured with mq.posix',
      'sysctl fs.mqueue.msgsize_max=65536',
    ]),
    check('POSIX queues', found.queues, atLeast(64), String, [
      'users who are not root cannot open more: crews of mq.posix do not start',
      'sysctl fs.mqueue.queues_max=256',
    ]),
    check('memory in POSIX queues', found.queueBytes, atLeast(800 << 10), unlimited(bytes), [
      'so much in all queues of a user: crews of mq.posix do not start',
      'ulimit -q 8388608',
    ]),
    check('System V queue', found.sysvQueueBytes, atLeast(1 << 20), bytes, [
      'mq.sysv has few messages under way, and large ones do not fit',
      'sysctl kernel.msgmnb=1048576 kernel.msgmax=65536',
    ]),
    check('/dev/shm', found.sharedMemoryBytes, atLeast(256 << 20), bytes, [
      'large rings and queues do not fit',
      'mount -o remount,size=1g /dev/shm',
    ]),
    check('locked memory', found.lockedBytes, atLeast(8 << 20), unlimited(bytes), [
      'regions cannot be kept from being swapped out: a first touch may wait for the disk',
      'ulimit -l unlimited',
    ]),
    check('open files', found.openFiles, atLeast(1024), unlimited(String), [
      'crews of many processes may not start',
      'ulimit -n 4096',
    ]),
    check('pipe pages of a user', found.pipeUserPages, (pages) => pages === 0 || pages >= 16_384, String, [
      'who is not root and has more gets pipes of one page: pipe.* drops to a fraction',
      'sysctl fs.pipe-user-pages-soft=16384',
    ]),
    check('size of a pipe', found.pipeBytes, atLeast(1 << 20), bytes, [
      'a sender of pipe.* waits sooner',
      'sysctl fs.pipe-max-size=1048576',
    ]),
    check('send buffer of a socket', found.socketSendBytes, atLeast(4 << 20), bytes, [
      'a packet of socket.seqpacket and socket.datagram must fit: larger sizes are left out',
      'sysctl net.core.wmem_max=8388608',
    ]),
    check('receive buffer of a socket', found.socketReceiveBytes, atLeast(4 << 20), bytes, [
      'less is under way over socket.tcp, and a datagram must fit',
      'sysctl net.core.rmem_max=8388608',
    ]),
  ];
}
