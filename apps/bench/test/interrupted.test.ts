/** A run that is ended at any time, by a signal that can be obeyed or one that cannot. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { readReport } from '../src/report-file.ts';
import { RunDirectory } from '../src/run-directory.ts';
import { peersOf, program, scratch } from './run-bench.ts';

const many = 'shm.ring,shm.loan,mq.shared,mq.sysv,socket.datagram,pipe.fifo,sync.mutex';
afterEach(() => {
  vi.unstubAllEnvs();
});

/** A run of many repeats, where its result will be, and what there is of it beside that. */
function start(subjects: string): { child: ReturnType<typeof spawn>; json: string; remains: () => string[] } {
  const temporary = mkdtempSync(join(scratch, 't'));
  vi.stubEnv('TMPDIR', temporary);
  const json = join(mkdtempSync(join(scratch, 'r')), 'result.json');
  const options = [
    '--only',
    subjects,
    '--in',
    'throughput',
    'lock-contended',
    '--size',
    '64',
    '--repeats',
    '50',
  ];
  const child = spawn(process.execPath, [program, ...options, '--seconds', '60', '--json', json], {
    stdio: 'ignore',
  });
  const remains = (): string[] => [
    ...peersOf(child.pid ?? 0),
    ...readdirSync(temporary),
    ...['/dev/shm', '/dev/mqueue']
      .filter((directory) => existsSync(directory))
      .flatMap((directory) => readdirSync(directory))
      .filter((name) => name.includes(`bench-${String(child.pid)}-`)),
  ];
  return { child, json, remains };
}

const instants = Array.from({ length: 9 }, (_, index) => ({
  signal: (['SIGINT', 'SIGTERM', 'SIGKILL'] as const)[index % 3],
  afterMs: Math.round(Math.random() * 5000),
}));

test.each(instants)('$signal after $afterMs ms leaves nothing', async ({ signal, afterMs }) => {
  const { child, json, remains } = start(many);
  const ended = once(child, 'exit') as Promise<[code: number | null, signal: string | null]>;
  await delay(afterMs);
  child.kill(signal);
  const [code, by] = await ended;
  // Who was killed cannot tidy up: its processes do, and where it had none just then, the next run.
  if (signal === 'SIGKILL') {
    while (peersOf(child.pid ?? 0).length > 0) await delay(20);
    await (await RunDirectory.make())[Symbol.asyncDispose]();
  }
  expect(remains()).toEqual([]);
  // Before it has begun it ends by the signal, like any program.
  if (by === null) expect(code).toBe(130);
  if (code === 130 || existsSync(json)) expect(readReport(json).environment.run.complete).toBe(false);
  if (signal !== 'SIGKILL') expect(existsSync(`${json}.partial`)).toBe(false);
});

test('SIGKILL leaves the result of what was measured, also in the midst of a repeat', async () => {
  const { child, json } = start('shm.ring,pipe.fifo');
  const ended = once(child, 'exit');
  while (!existsSync(json)) await delay(20);
  const { environment, results } = readReport(json);
  expect(environment.run).toMatchObject({ complete: false, repeats: 0 });
  expect(new Set(results.map(({ subject }) => subject))).toEqual(new Set(['shm.ring']));
  while (readReport(json).environment.run.repeats < 1) await delay(20);
  child.kill('SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
  const last = readReport(json);
  expect(last.environment.run).toMatchObject({ complete: false, coreToCoreNs: null });
  expect(new Set(last.results.map(({ subject }) => subject))).toEqual(new Set(['shm.ring', 'pipe.fifo']));
  while (peersOf(child.pid ?? 0).length > 0) await delay(20);
});
