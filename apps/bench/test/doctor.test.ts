/** Machines as their kernels tell of them: trees like /proc and /sys. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { diagnose, type Check } from '../src/doctor.ts';
import { observeEnvironment, type Environment } from '../src/environment.ts';
import { processorTime, stolenFraction } from '../src/processor-time.ts';
import { renderChecks } from '../src/render/checks.ts';
import { SystemFiles } from '../src/system-files.ts';

const scratch = mkdtempSync(join(tmpdir(), 'machine-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const cpu = 'sys/devices/system/cpu';

/** A machine that disturbs nothing, with the files given besides or instead. */
function machine(changed: Readonly<Record<string, string>> = {}): Environment {
  const root = mkdtempSync(join(scratch, 'm'));
  const files = {
    'proc/cpuinfo': 'flags\t\t: fpu vme',
    'proc/loadavg': '0.10 0.20 0.30 1/100 4242',
    'proc/stat': 'cpu  500 0 300 9000 0 0 0 0 0 0\ncpu0 500 0 300 9000 0 0 0 0 0 0',
    'proc/self/cgroup': '0::/bench.slice',
    'sys/fs/cgroup/bench.slice/cpu.max': 'max 100000',
    'proc/self/timerslack_ns': '50000',
    'proc/self/limits':
      'Limit                     Soft Limit           Hard Limit           Units\n' +
      'Max open files            4096                 4096                 files\n' +
      'Max locked memory         unlimited            unlimited            bytes\n' +
      'Max msgqueue size         8388608              8388608              bytes',
    'proc/sys/fs/mqueue/msg_max': '256',
    'proc/sys/fs/mqueue/msgsize_max': '65536',
    'proc/sys/fs/mqueue/queues_max': '256',
    'proc/sys/kernel/msgmnb': '1048576',
    'proc/sys/kernel/msgmax': '65536',
    'proc/sys/fs/pipe-max-size': '1048576',
    'proc/sys/fs/pipe-user-pages-soft': '16384',
    'proc/sys/net/core/wmem_max': '8388608',
    'proc/sys/net/core/rmem_max': '8388608',
    'proc/sys/net/core/somaxconn': '4096',
    [`${cpu}/cpu0/cpufreq/scaling_governor`]: 'performance',
    [`${cpu}/intel_pstate/no_turbo`]: '1',
    [`${cpu}/smt/active`]: '0',
    [`${cpu}/vulnerabilities/meltdown`]: 'Not affected',
    'sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never',
    'sys/devices/system/clocksource/clocksource0/current_clocksource': 'tsc',
    ...changed,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
  const environment = observeEnvironment(new SystemFiles(root));
  // What is this machine's own: its processors and the file system of the tree.
  return {
    ...environment,
    cpu: { ...environment.cpu, allowed: [0, 1, 2, 3] },
    limits: { ...environment.limits, sharedMemoryBytes: 1 << 30 },
  };
}

const findings = (environment: Environment): Check[] => diagnose(environment).filter(({ isFine }) => !isFine);

test('a good machine has nothing to be found, and everything is told', () => {
  const checks = diagnose(machine());
  expect(checks.filter(({ isFine }) => !isFine)).toEqual([]);
  const unknown = checks.filter(({ value }) => value === null).map(({ name }) => name);
  expect(unknown).toEqual(['processor quota']);
  expect(renderChecks(checks)).toMatch(/^Nothing here disturbs[^]*locked memory \(unlimited\)/);
});

describe('each of these is found, with its value, its effect and what changes it', () => {
  test.each<[file: string, text: string, name: string, value: RegExp, remedy: RegExp]>([
    ['proc/cpuinfo', 'flags : fpu hypervisor', 'virtual machine', /yes/, /metal/],
    ['proc/loadavg', '3.07 1 1 1/1 1', 'load', /^3\.1$/, /ps -eo/],
    ['proc/stat', 'cpu  500 0 300 9000 0 0 0 200 0 0', 'stolen time', /^2\.0 %$/, /vmstat/],
    ['sys/fs/cgroup/bench.slice/cpu.max', '150000 100000', 'processor quota', /^1\.5 /, /cpu\.max/],
    ['proc/self/timerslack_ns', '40000000', 'timer slack', /^40000 µs$/, /timerslack_ns/],
    [`${cpu}/cpu0/cpufreq/scaling_governor`, 'powersave', 'frequency governor', /powersave/, /cpupower/],
    [`${cpu}/intel_pstate/no_turbo`, '0', 'turbo', /on/, /no_turbo/],
    [`${cpu}/smt/active`, '1', 'simultaneous multithreading', /on/, /smt\/control/],
    [`${cpu}/vulnerabilities/meltdown`, 'Mitigation: PTI', 'mitigations', /^meltdown$/, /mitigations=off/],
    [
      'sys/kernel/mm/transparent_hugepage/enabled',
      '[always] madvise never',
      'transparent huge pages',
      /^always$/,
      /echo madvise/,
    ],
    [
      'sys/devices/system/clocksource/clocksource0/current_clocksource',
      'hpet',
      'clock source',
      /^hpet, \d+ ns/,
      /clocksource/,
    ],
    ['proc/sys/fs/mqueue/msg_max', '10', 'messages in a POSIX queue', /^10$/, /sysctl fs\.mqueue\.msg_max/],
    ['proc/sys/fs/mqueue/msgsize_max', '8192', 'message of a POSIX queue', /^8192 bytes$/, /msgsize_max/],
    ['proc/sys/fs/mqueue/queues_max', '8', 'POSIX queues', /^8$/, /queues_max/],
    ['proc/sys/kernel/msgmnb', '16384', 'System V queue', /^16384 bytes$/, /kernel\.msgmnb/],
    ['proc/sys/fs/pipe-max-size', '65536', 'size of a pipe', /^65536 bytes$/, /pipe-max-size/],
    ['proc/sys/fs/pipe-user-pages-soft', '1024', 'pipe pages of a user', /^1024$/, /pipe-user-pages-soft/],
    ['proc/sys/net/core/wmem_max', '212992', 'send buffer of a socket', /^212992 bytes$/, /wmem_max/],
    ['proc/sys/net/core/rmem_max', '212992', 'receive buffer of a socket', /^212992 bytes$/, /rmem_max/],
    ['proc/self/limits', 'Max open files   256   4096   files', 'open files', /^256$/, /ulimit -n/],
    ['proc/self/limits', 'Max locked memory   65536   65536   bytes', 'locked memory', /^65536/, /ulimit -l/],
    [
      'proc/self/limits',
      'Max msgqueue size   4096   4096   b',
      'memory in POSIX queues',
      /4096/,
      /ulimit -q/,
    ],
  ])('%s: %s', (file, text, name, value, remedy) => {
    const [finding, ...others] = findings(machine({ [file]: text }));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      name,
      value: expect.stringMatching(value) as string,
      remedy: expect.stringMatching(remedy) as string,
    });
    expect(renderChecks([finding].filter((one) => one !== undefined))).toContain(
      `  remedy: ${String(finding?.remedy)}`,
    );
  });

  test.each([[1], [2]])('%i processors', (count) => {
    const environment = machine();
    const allowed = [0, 1].slice(0, count);
    const [finding] = findings({ ...environment, cpu: { ...environment.cpu, allowed } });
    expect(finding).toMatchObject({ name: 'processors', value: String(count) });
  });

  test('a small /dev/shm', () => {
    const environment = machine();
    const limits = { ...environment.limits, sharedMemoryBytes: 64 << 20 };
    expect(findings({ ...environment, limits })).toMatchObject([{ name: '/dev/shm', value: '64 MiB' }]);
  });
});

test('a kernel that tells nothing is no finding', () => {
  const silent = observeEnvironment(new SystemFiles(join(scratch, 'nowhere')));
  const checks = diagnose({ ...silent, load: [0], cpu: { ...silent.cpu, allowed: [0, 1, 2] } });
  expect(checks.filter(({ isFine }) => !isFine)).toEqual([]);
  expect(renderChecks(checks)).toContain('Not told here: stolen time,');
});

test('what was stolen between two moments', () => {
  const at = (text: string): ReturnType<typeof processorTime> => {
    const root = mkdtempSync(join(scratch, 't'));
    mkdirSync(join(root, 'proc'));
    writeFileSync(join(root, 'proc/stat'), text);
    return processorTime(new SystemFiles(root));
  };
  const [before, after] = [at('cpu  10 0 10 80 0 0 0 50 9 9\n'), at('cpu  20 0 20 150 0 0 0 60 9 9\n')];
  expect(stolenFraction(before, after)).toBeCloseTo(0.1);
  expect(stolenFraction(before, before)).toBe(0);
  expect(stolenFraction(null, null)).toBeNull();
});
