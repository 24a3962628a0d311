import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BenchReport } from '../src/result.ts';
import { bellsOf, bench, scratch } from './run-bench.ts';

describe('a run', () => {
  test('measures, prints a table and writes { schema, environment, results }', async () => {
    const { code, stdout, report } = await bench([
      ...['--quick', '--only', 'peer.node-net,socket.unix', '--size', '64'],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('messages/s');

    expect(Object.keys(report)).toEqual(['schema', 'environment', 'results']);
    expect(report.schema).toBe('ipc-bench/1');
    expect(report.environment).toMatchObject({
      cpu: { model: expect.any(String) as string, online: expect.any(Number) as number },
      kernel: expect.stringContaining('Linux') as string,
      node: process.version,
      load: [expect.any(Number), expect.any(Number), expect.any(Number)],
      limits: { openFiles: expect.any(Number) as number },
      run: { complete: true, repeats: 1, failures: [] },
    });
    const placements = Object.keys(report.environment.run.placements);
    expect(placements).toEqual(expect.arrayContaining(['same-core', 'unpinned']));
    for (const placement of placements.filter((one) => one === 'cross-core' || one === 'same-core')) {
      // Rivals are not measured on one core, where there are two.
      const isBoth = placement === 'cross-core' || !placements.includes('cross-core');
      for (const subject of isBoth ? ['peer.node-net', 'socket.unix'] : ['socket.unix']) {
        const of = { subject, placement, messageBytes: 64 };
        const rate = report.results.find((result) => matches(result, { ...of, scenario: 'throughput' }));
        expect(rate?.messagesPerSecond).toBeGreaterThan(0);
        expect(rate?.bytesPerSecond).toBeCloseTo((rate?.messagesPerSecond ?? 0) * 64);
        const trip = report.results.find((result) => matches(result, { ...of, scenario: 'round-trip' }));
        expect(trip?.latencyNs?.p50).toBeGreaterThan(0);
      }
    }
  });

  test('measures locks and threads, and checks their counts', async () => {
    const { code, report } = await bench([
      ...['--quick', '--only', 'sync,peer.message-port', '--size', '64'],
    ]);
    expect(code).toBe(0);
    const contended = report.results.filter(({ scenario }) => scenario === 'lock-contended');
    expect(contended.map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['sync.mutex', 'sync.semaphore']),
    );
    for (const { operationsPerSecond } of contended) expect(operationsPerSecond).toBeGreaterThan(0);
  });

  test('measures many processes with one, and checks what each has sent and taken', async () => {
    const { code, report } = await bench(['--only', 'shm.broadcast,shm.queue,mq.shared', '--size', '64']);
    expect(report.environment.run.failures).toEqual([]);
    expect(code).toBe(0);
    const rowsOf = (scenario: string): string[] =>
      report.results
        .filter((result) => result.scenario === scenario)
        .map(({ subject, followers }) => `${subject} ${String(followers)}`);
    expect(rowsOf('fan-out')).toEqual(['shm.broadcast 1', 'shm.broadcast 4']);
    for (const scenario of ['fan-in', 'work-sharing'])
      expect(rowsOf(scenario).sort()).toEqual(['mq.shared 1', 'mq.shared 4', 'shm.queue 1', 'shm.queue 4']);
    for (const { messagesPerSecond, latencyNs } of report.results)
      expect(messagesPerSecond ?? latencyNs?.p50).toBeGreaterThan(0);
  });

  test('measures messages of 64 MiB, whole, with processor time and memory', async () => {
    const { code, report } = await bench([
      ...['--quick', '--only', 'socket.unix', '--in', 'throughput-batched', '--size', '64m'],
    ]);
    expect(report.environment.run.failures).toEqual([]);
    expect(code).toBe(0);
    const [result] = report.results;
    expect(result).toMatchObject({ scenario: 'throughput-batched', messageBytes: 64 << 20 });
    expect(result?.cpuSecondsPerMillion).toBeGreaterThan(0);
    expect(result?.residentBytes).toBeGreaterThan(64 << 20);
  });

  test('measures messages that are copied into one buffer', async () => {
    const { code, report } = await bench([
      ...['--quick', '--only', 'shm.ring', '--in', 'throughput-copied', '--size', '64k'],
    ]);
    expect(report.environment.run.failures).toEqual([]);
    expect(code).toBe(0);
    expect(report.results[0]).toMatchObject({ scenario: 'throughput-copied', messageBytes: 64 << 10 });
    expect(report.results[0]?.messagesPerSecond).toBeGreaterThan(0);
  });

  test('measures how long it takes to connect, to call, and to notice a death', async () => {
    const { code, report } = await bench(['--only', 'socket.seqpacket,sync.mutex', '--size', '64']);
    expect(report.environment.run.failures).toEqual([]);
    expect(code).toBe(0);
    const find = (id: string): BenchReport['results'][number] | undefined =>
      report.results.find(({ scenario }) => scenario === id);
    expect(find('calls')?.messagesPerSecond).toBeGreaterThan(0);
    // Across cores only, and there may be one.
    if ('cross-core' in report.environment.run.placements) {
      for (const id of ['connect', 'peer-gone', 'hand-over'])
        expect(find(id)?.latencyNs?.p50, id).toBeGreaterThan(0);
    }
  });

  test('measures structures alone and shared', async () => {
    const { code, report } = await bench(['--only', 'shm.latest,shm.map,shm.counter']);
    expect(report.environment.run.failures).toEqual([]);
    expect(code).toBe(0);
    for (const { operationsPerSecond } of report.results) expect(operationsPerSecond).toBeGreaterThan(0);
    expect(new Set(report.results.map(({ scenario }) => scenario))).toEqual(
      new Set(
        'cross-core' in report.environment.run.placements ? ['operations-alone', 'operations-together'] : [],
      ),
    );
  });

  test('measures rivals that are installed, and says which are not', async () => {
    const rivals = [
      'peer.zeromq',
      'peer.node-ipc',
      'peer.ringbuf',
      'peer.redis',
      'peer.nats',
      'peer.proper-lockfile',
    ];
    const { code, report } = await bench(['--quick', '--only', rivals.join(), '--size', '64'], {
      PATH: '/nonexistent',
    });
    expect(report.environment.run.failures).toEqual([]);
    expect(code).toBe(0);
    const skipped = report.environment.run.skipped.map(({ subject }) => subject);
    // Servers are looked for in PATH.
    expect(skipped).toEqual(expect.arrayContaining(['peer.redis', 'peer.nats']));
    if ('cross-core' in report.environment.run.placements) {
      const measured = new Set(report.results.map(({ subject }) => subject));
      for (const rival of rivals) expect(measured.has(rival), rival).toBe(!skipped.includes(rival));
    }
  });

  test('starts the servers of rivals that need one, where they are', async () => {
    const rivals = ['peer.redis', 'peer.nats'];
    const { report } = await bench([
      ...['--quick', '--only', rivals.join(), '--in', 'throughput'],
      '--size',
      '64',
    ]);
    expect(report.environment.run.failures).toEqual([]);
    const skipped = report.environment.run.skipped.map(({ subject }) => subject);
    const measured = report.results.map(({ subject }) => subject);
    for (const [index, server] of ['redis-server', 'nats-server'].entries()) {
      const isThere = ['setpriv', server].every((name) => spawnSync('which', [name]).status === 0);
      expect(skipped.includes(rivals[index] ?? ''), server).toBe(!isThere);
      if (isThere && 'cross-core' in report.environment.run.placements)
        expect(measured).toContain(rivals[index]);
    }
  });

  test('without a C compiler only lacks the floor', async () => {
    // Where none has been built before.
    const floor = join(mkdtempSync(join(scratch, 'no-floor-')), 'floor');
    const { code, stdout, report } = await bench(
      ['--quick', '--only', 'socket.unix', '--in', 'throughput', '--size', '64'],
      { CC: '', PATH: '/nonexistent', BENCH_FLOOR: floor },
    );
    expect(report.environment.run.failures).toEqual([]);
    expect(code).toBe(0);
    expect(report.environment.run.skipped).toEqual([
      { subject: 'C floor', reason: expect.stringMatching(/no C compiler: cc was not found/) as string },
    ]);
    expect(stdout).toContain('Left out: C floor');
    expect(report.environment.run.coreToCoreNs).toBeNull();
    expect(report.results.length).toBeGreaterThan(0);
    for (const result of report.results) {
      expect(result.messagesPerSecond).toBeGreaterThan(0);
      expect(result).not.toHaveProperty('floor');
    }
  });
});

describe('a run that is interrupted', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('by %s leaves nothing and tells what it has', async (signal) => {
    const bells: string[] = [];
    const { code, stdout, report } = await bench(
      ['--quick', '--only', 'shm.ring,pipe,socket,peer.process', '--size', '64', '--repeats', '50'],
      {},
      (child) => {
        // At the first news of a subject something is under way.
        // Twice, as a terminal and a package manager both pass it on.
        child.stderr?.on('data', (news: Buffer) => {
          if (/building|results/.test(String(news))) return;
          bells.push(...bellsOf(child.pid ?? 0));
          [1, 2].forEach(() => child.kill(signal));
        });
      },
    );
    expect(bells.filter((bell) => existsSync(bell))).toEqual([]);
    expect(code).toBe(130);
    expect(stdout).toContain('not complete');
    expect(report.environment.run.complete).toBe(false);
  });
});

function matches(result: object, expected: Record<string, unknown>): boolean {
  return Object.entries(expected).every(
    ([name, value]) => (result as Record<string, unknown>)[name] === value,
  );
}
