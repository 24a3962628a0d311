import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Floor, type FloorRequest, buildFloor, floorScenarios } from '../src/floor.ts';

const compiler = process.env.CC ?? 'cc';
const sources = fileURLToPath(new URL('../floor/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'floor-test-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const compile = (output: string, ...more: string[]): void => {
  const files = readdirSync(sources).filter((file) => file.endsWith('.c'));
  const options = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread'];
  execFileSync(compiler, [...options, ...more, '-o', output, ...files, '-lrt'], { cwd: sources });
};

let floor: Floor;
beforeAll(async () => {
  const reasons: string[] = [];
  const built = await buildFloor({ explain: (reason) => reasons.push(reason) });
  if (built === undefined) throw new Error(reasons.join());
  floor = built;
}, 60_000);

const pairs = [...floorScenarios].flatMap(([subject, scenarios]) =>
  scenarios.map((scenario) => ({ subject, scenario })),
);
const messagePairs = pairs.filter(({ scenario }) => /throughput|round-trip|calls/.test(scenario));
const [firstCpu, secondCpu] = allowedCpus();
const together: readonly [number, number] = [firstCpu, firstCpu];
const apart: readonly [number, number] = [firstCpu, secondCpu ?? firstCpu];

describe('measuring', () => {
  const pairsApart = pairs.filter(({ scenario }) => secondCpu !== undefined || scenario !== 'core-to-core');
  test.each(pairsApart)('$subject $scenario gives its figures', async ({ subject, scenario }) => {
    const messages = scenario === 'wake-up' ? 10 : 500; // it rests before each
    const figures = await floor.measure({ subject, scenario, messageBytes: 64, messages, cpus: apart });

    expect(figures).toHaveProperty('elapsedNs');
    expect('operationsPerSecond' in figures).toBe(/lock|operations/.test(scenario));
    expect('messagesPerSecond' in figures).toBe(/throughput|round-trip|calls/.test(scenario));
    expect('latencyNs' in figures).toBe(/round-trip|core-to-core|wake-up/.test(scenario));
  });

  test.each(messagePairs)(
    '$subject $scenario carries every size',
    async ({ subject, scenario }) => {
      for (const messageBytes of [1, 7, 8, 15, 16, 17, 1000, 4096, 65_535, 65_536, 65_537, 1 << 20]) {
        const figures = await floor.measure({ subject, scenario, messageBytes, messages: 30 });

        // Whatever the limits of this machine are set to, up to here there is no reason to refuse.
        const surelyFits = subject.startsWith('mq.')
          ? 4096
          : /seqpacket|datagram/.test(subject)
            ? 65_537
            : Infinity;
        if (messageBytes <= surelyFits) expect(figures.unsupported).toBeUndefined();
      }
    },
    20_000,
  );

  test.each(pairs)(
    '$subject $scenario goes on with both processes on one CPU',
    async ({ subject, scenario }) => {
      const figures = await floor.measure({
        subject,
        scenario,
        messageBytes: 64,
        messages: scenario === 'wake-up' ? 10 : 100,
        cpus: together,
      });

      expect(figures).toHaveProperty(scenario === 'core-to-core' ? 'unsupported' : 'elapsedNs');
    },
    20_000,
  );

  test('a ring wraps, pads and fills without losing a message', async () => {
    for (const messageBytes of [1, 24, 1000, 99_999]) {
      const messages = Math.ceil((8 << 20) / (messageBytes + 8));
      const figures = await floor.measure({
        subject: 'shm.ring',
        scenario: 'throughput',
        messageBytes,
        messages,
      });
      expect(figures.unsupported).toBeUndefined();
    }
  });

  test('a message larger than a queue takes is unsupported, and the limit is named', async () => {
    const request = { scenario: 'round-trip', messageBytes: 64 << 20, messages: 1 };
    expect(await floor.measure({ subject: 'mq.posix', ...request })).toEqual({
      unsupported: 'a message of 67108864 bytes is larger than a default queue takes (8192)',
    });
    expect(await floor.measure({ subject: 'mq.sysv', ...request })).toMatchObject({
      unsupported: expect.stringMatching(/kernel.msgmax is \d+, kernel.msgmnb \d+/) as string,
    });
  });

  test('a packet larger than any send buffer is unsupported, and the limit is named', async () => {
    const request = { scenario: 'throughput', messageBytes: 64 << 20, messages: 1 };
    for (const subject of ['socket.seqpacket', 'socket.datagram']) {
      expect(await floor.measure({ subject, ...request })).toMatchObject({
        unsupported: expect.stringContaining('net.core.wmem_max') as string,
      });
    }
  });
});

describe('refusing', () => {
  const valid: FloorRequest = {
    subject: 'pipe.fifo',
    scenario: 'throughput',
    messageBytes: 64,
    messages: 10,
  };

  test.each<Partial<FloorRequest>>([
    { subject: 'pipe.unknown' },
    { scenario: 'lock-contended' },
    { messageBytes: 0 },
    { messageBytes: 1.5 },
    { messageBytes: (64 << 20) + 1 },
    { messages: 0 },
    { messages: NaN },
    { messages: 1e9 + 1 },
    { scenario: 'round-trip', messages: 1e7 + 1 },
    { cpus: [0, -1] },
    { cpus: [1024, 0] },
  ])('%j is a RangeError', async (wrong) => {
    await expect(floor.measure({ ...valid, ...wrong })).rejects.toThrow(RangeError);
  });

  test.each([
    [''],
    ['pipe.fifo'],
    ['pipe.fifo throughput --messages 10'],
    ['pipe.fifo throughput --bytes 64'],
    ['pipe.fifo throughput --bytes 64x --messages 10'],
    ['pipe.fifo throughput --bytes -1 --messages 10'],
    ['pipe.fifo throughput --bytes 64 --messages 99999999999999999999'],
    ['pipe.fifo throughput --bytes 64 --messages 10 --cpus 0'],
    ['pipe.fifo throughput --bytes 64 --messages 10 --cpus 0,1,2'],
    ['pipe.fifo throughput --bytes 64 --messages'],
    ['pipe.fifo throughput --bites 64 --messages 10'],
    ['pipe.fifo core-to-core --bytes 64 --messages 10'],
    ['pipe.fifo round-trip --bytes 64 --messages 10000001'],
  ])('the binary answers "%s" with its usage and status 2', async (line) => {
    const { code, stderr, stdout } = await ended(spawn(floor.path, line.split(' ').filter(Boolean)));

    expect(stderr).toContain('usage: floor');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  test('a CPU that may not be used fails the run, by its number', async () => {
    await expect(floor.measure({ ...valid, cpus: [firstCpu, 1023] })).rejects.toThrow(
      'cpu 1023 cannot be used',
    );
  });
});

describe('building', () => {
  test('is clean of warnings', () => {
    compile(join(scratch, 'strict'));
  }, 60_000);

  test('happens when a source is newer, and only then', async () => {
    const output = join(scratch, 'kept');
    writeFileSync(output, '');
    expect((await buildFloor({ output, compiler: 'no-such-compiler' }))?.path).toBe(output);

    utimesSync(output, 0, 0);
    await buildFloor({ output });
    expect(statSync(output).size).toBeGreaterThan(0);
  }, 60_000);

  test.each([
    ['no-such-compiler', /no-such-compiler was not found .* set CC/],
    ['false', /does not compile/],
  ])('with the compiler %s there is no floor, and a reason', async (wrong, reason) => {
    const reasons: string[] = [];
    const output = join(scratch, 'never');

    expect(
      await buildFloor({ compiler: wrong, output, explain: (text) => reasons.push(text) }),
    ).toBeUndefined();

    expect(reasons).toEqual([expect.stringMatching(reason)]);
    expect(readdirSync(scratch).filter((file) => file.startsWith('never'))).toEqual([]);
  });
});

/** Takes the place of a system call in the floor and damages it once, at the tenth message. */
const shim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <sys/msg.h>
static int calls;
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* A call has one message: with DAMAGE its last byte arrives changed, with LOSE nothing arrives. */
#define SHIM(result, name, parameters, data, length, call)                     \\
  result name parameters {                                                     \\
    if (++calls == 10) {                                                       \\
      if (LOSE) return (result)(length);                                       \\
      char copy[4096];                                                         \\
      memcpy(copy, data, 4096 < (length) ? 4096 : (length));                   \\
      copy[(length) - 1] ^= 1;                                                 \\
      data = (void *)copy;                                                     \\
      return REAL(name) call;                                                  \\
    }                                                                          \\
    return REAL(name) call;                                                    \\
  }
SHIM(ssize_t, write, (int fd, const void *data, size_t n), data, n, (fd, data, n))
SHIM(ssize_t, send, (int fd, const void *data, size_t n, int f), data, n, (fd, data, n, f))
SHIM(int, mq_send, (mqd_t q, const char *data, size_t n, unsigned p), data, LOSE ? 0 : n, (q, data, n, p))
SHIM(int, msgsnd, (int q, const void *data, size_t n, int f), data, LOSE ? 0 : n + sizeof(long), (q, data, n, f))
#ifdef UNLOCKED
int pthread_mutex_lock(pthread_mutex_t *mutex) { return mutex == 0; }
int pthread_mutex_unlock(pthread_mutex_t *mutex) { return mutex == 0; }
#endif
`;

describe('checking', () => {
  const preload = (name: string, ...defines: string[]): NodeJS.ProcessEnv => {
    const library = join(scratch, `${name}.so`);
    const options = ['-x', 'c', '-shared', '-fPIC', '-O2', '-o', library, '-', ...defines];
    execFileSync(compiler, options, { input: shim });
    return { ...process.env, LD_PRELOAD: library };
  };
  const kernelSubjects = [...floorScenarios.keys()].filter((subject) => /^(pipe|socket|mq)/.test(subject));

  test.each(kernelSubjects)('a message damaged or lost in %s fails the run', async (subject) => {
    for (const scenario of ['throughput', 'round-trip']) {
      const line = [subject, scenario, '--bytes', '64', '--messages', '100'];

      const damaged = await ended(spawn(floor.path, line, { env: preload('damage', '-DLOSE=0') }));
      expect(damaged).toMatchObject({ code: 1, stdout: '' });
      expect(damaged.stderr).toContain('message 9 is damaged');
    }
    const line = [subject, 'throughput', '--bytes', '64', '--messages', '100'];
    const lost = await ended(spawn(floor.path, line, { env: preload('lose', '-DLOSE=1') }));
    expect(lost).toMatchObject({ code: 1, stdout: '' });
    expect(lost.stderr).toContain('message 9 is damaged or out of order: it carries the number 10');
  });

  test.runIf(secondCpu !== undefined)('a mutex that lets both in fails the run', async () => {
    const line = ['sync.mutex', 'lock-contended', '--messages', '100000000', '--cpus', apart.join()];
    const { code, stderr } = await ended(
      spawn(floor.path, line, { env: preload('unlocked', '-DLOSE=0', '-DUNLOCKED') }),
    );

    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('were accounted for') as string,
    });
  });
});

describe('ending', () => {
  const endless = (subject: string, scenario = 'throughput'): string[] => [
    subject,
    scenario,
    '--bytes',
    '64',
    '--messages',
    scenario === 'throughput' ? '1000000000' : '10000000',
  ];
  const carriers = [...new Set(messagePairs.map(({ subject }) => subject))];
  /** System V queues have a guard besides the two. */
  const processesOf = (subject: string): number => (subject === 'mq.sysv' ? 3 : 2);

  test.each(carriers)('a killed %s run leaves no process and no file', async (subject) => {
    const folder = mkdtempSync(join(scratch, 'tmp-'));
    const child = spawn(floor.path, endless(subject), { env: { ...process.env, TMPDIR: folder } });
    await descendants(child, processesOf(subject));
    child.kill('SIGKILL');

    await once(child, 'close'); // all of its processes held its stdout, so they are gone
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(carriers)('a %s run whose peer is killed fails and says so', async (subject) => {
    const child = spawn(floor.path, endless(subject));
    const result = ended(child);
    const peers = await descendants(child, processesOf(subject));
    process.kill(peers.at(-1) ?? 0, 'SIGKILL');

    expect(await result).toMatchObject({ code: 1, stderr: 'floor: the follower was killed by signal 9\n' });
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
    '%s to all removes the System V queues',
    async (signal) => {
      const child = spawn(floor.path, endless('mq.sysv', 'round-trip'), { detached: true });
      const { pid = 0 } = child;
      const peers = await descendants(child, 3);
      while (messageQueuesOf(peers) < 2) await setImmediate();
      process.kill(-pid, signal);

      await once(child, 'close');
      expect(messageQueuesOf(peers)).toBe(0);
    },
  );

  test('an abort kills the run and rejects with its reason', async () => {
    const reason = new Error('enough');
    const request = { subject: 'shm.ring', scenario: 'throughput', messageBytes: 64, messages: 1e9 };

    const controller = new AbortController();
    const run = floor.measure({ ...request, signal: controller.signal });
    await setImmediate();
    controller.abort(reason);

    await expect(run).rejects.toBe(reason);
    await expect(floor.measure({ ...request, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('the run ends with the process that started it', async () => {
    const starter = spawn('sh', ['-c', '"$@" & wait', 'sh', floor.path, ...endless('mq.sysv')]);
    await descendants(starter, 4);
    starter.kill('SIGKILL');

    await once(starter, 'close');
  });

  test('the watchdog ends a run that does not', async () => {
    const hasty = join(scratch, 'hasty');
    compile(hasty, '-DWATCHDOG_SECONDS=1');

    const { code, stderr } = await ended(spawn(hasty, endless('shm.ring')));

    expect({ code, stderr }).toEqual({ code: 124, stderr: 'floor: watchdog: no result within 1 seconds\n' });
  }, 60_000);
});

describe('reading the answer', () => {
  const request = { subject: 'pipe.fifo', scenario: 'round-trip', messageBytes: 64, messages: 10 };
  const good = {
    ...request,
    ...{ elapsedNs: 5, messagesPerSecond: 2, latencyNs: { p50: 1, p99: 2 }, checked: 10 },
  };
  const answering = (answer: string): Floor => {
    const script = join(mkdtempSync(join(scratch, 'fake-')), 'floor');
    writeFileSync(script, `#!/bin/sh\ncat <<'END'\n${answer}\nEND\n`, { mode: 0o755 });
    return new Floor(script);
  };

  test('takes the figures', async () => {
    expect(await answering(JSON.stringify(good)).measure(request)).toEqual({
      ...{ elapsedNs: 5, messagesPerSecond: 2, latencyNs: { p50: 1, p99: 2 } },
    });
  });

  test.each([
    ['nothing', ''],
    ['half a line', '{"subject":'],
    ['another type', '[]'],
    ['null', 'null'],
    ['another subject', { ...good, subject: 'pipe.anonymous' }],
    ['another size', { ...good, messageBytes: 65 }],
    ['a missing message', { ...good, checked: 9 }],
    ['no figure', { ...good, messagesPerSecond: undefined }],
    ['a figure that is none', { ...good, elapsedNs: '5' }],
    ['half of the percentiles', { ...good, latencyNs: { p50: 1 } }],
    ['percentiles upside down', { ...good, latencyNs: { p50: 2, p99: 1 } }],
  ])('refuses %s', async (_name, answer) => {
    const fake = answering(typeof answer === 'string' ? answer : JSON.stringify(answer));

    await expect(fake.measure(request)).rejects.toThrow('which is no result');
  });

  test('a binary that is not there is an error like any other', async () => {
    await expect(new Floor(join(scratch, 'gone')).measure(request)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('takes a run that the watchdog ended for one that this machine cannot do', async () => {
    const script = join(mkdtempSync(join(scratch, 'fake-')), 'floor');
    writeFileSync(script, '#!/bin/sh\necho "floor: watchdog: too slow" >&2\nexit 124\n', { mode: 0o755 });

    expect(await new Floor(script).measure(request)).toEqual({ unsupported: 'floor: watchdog: too slow' });
  });

  test('passes on what the binary complained about', async () => {
    const script = join(mkdtempSync(join(scratch, 'fake-')), 'floor');
    writeFileSync(script, '#!/bin/sh\necho "floor: a broken pipe" >&2\nexit 1\n', { mode: 0o755 });

    await expect(new Floor(script).measure(request)).rejects.toThrow(
      'the floor failed at pipe.fifo round-trip --bytes 64 --messages 10: floor: a broken pipe',
    );
  });
});

async function ended(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const closed = once(child, 'close') as Promise<[number | null]>;
  const read = async (stream: ChildProcess['stdout']): Promise<string> =>
    stream === null ? '' : text(stream);
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), closed]);
  return { code, stdout, stderr };
}

/** Waits until the process has at least so many descendants; their ids in the order of their start. */
async function descendants({ pid = 0 }: ChildProcess, count: number): Promise<number[]> {
  const childrenOf = (id: number): number[] => {
    const list = readFileSync(`/proc/${id}/task/${id}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number);
    return [...list, ...list.flatMap(childrenOf)];
  };
  for (;;) {
    const found = childrenOf(pid);
    if (found.length >= count) return found;
    await setImmediate();
  }
}

/** How many System V queues there are that one of these processes sent to. */
function messageQueuesOf(senders: readonly number[]): number {
  const [head = '', ...rows] = readFileSync('/proc/sysvipc/msg', 'utf8').trim().split('\n');
  const column = head.trim().split(/\s+/).indexOf('lspid');
  return rows.filter((row) => senders.includes(Number(row.trim().split(/\s+/)[column]))).length;
}

function allowedCpus(): [number, ...number[]] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const [first = 0, ...others] = list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  return [first, ...others];
}
