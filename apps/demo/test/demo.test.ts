import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runtimeDirectory } from '@ipc/core';
import { PosixQueue } from '@ipc/mq';
import { noLeaks } from '@ipc/testkit';

noLeaks();

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const demo = (...args: readonly string[]): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, [main, ...args]);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-test-'));
  mkdirSync(join(folder, 'inner'));
  for (let i = 0; i < 40; i++)
    writeFileSync(join(folder, i % 2 === 0 ? 'inner' : '', `file${i}.txt`), 'Tick tock tick. '.repeat(i));
  writeFileSync(join(folder, 'empty.md'), '');
  writeFileSync(join(folder, 'broken.txt'), Uint8Array.of(0xff, 0xfe, 65));
  writeFileSync(join(folder, 'large.txt'), 'x'.repeat(300 << 10));
  writeFileSync(join(folder, 'image.png'), 'tick');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('the index built by many processes is right, and equal to the one built by one', async () => {
  const { stdout } = await demo(folder, '--workers', '4');
  expect(stdout).toContain('42 text files');
  expect(stdout).toContain('; 1 left out: too large');
  expect(stdout).toMatch(/^ +1560 {2}tick +in 39 files$/m);
  expect(stdout).toMatch(/^ +780 {2}tock +in 39 files$/m);
  expect(stdout).toContain('equal to the index built in one process');
});

test('what may not be read is left out, and told', async (context) => {
  context.skip(process.getuid?.() === 0, 'who is root may read everything');
  const secret = join(folder, 'secret.txt');
  const closed = join(folder, 'closed');
  writeFileSync(secret, 'tick', { mode: 0 });
  mkdirSync(closed, { mode: 0 });
  try {
    const { stdout } = await demo(folder);
    expect(stdout).toContain('42 text files');
    expect(stdout).toContain('; 2 left out');
  } finally {
    rmSync(secret);
    rmSync(closed, { recursive: true });
  }
});

test('a killed worker ends the run with an error, and nothing is left', async () => {
  const run = execFile(process.execPath, [main, folder, '--workers', '2']);
  const ended = once(run, 'close'); // all that it has said has been read by then
  let stderr = '';
  run.stderr?.on('data', (text: string) => (stderr += text));
  for (;;) {
    const worker = childrenOf(run.pid ?? -1).find((pid) => commandOf(pid).includes('worker.js'));
    if (worker !== undefined) {
      process.kill(worker, 'SIGKILL');
      break;
    }
    await setTimeout(1);
  }
  expect(await ended).toEqual([1, null]);
  expect(stderr).toContain('the worker ended with SIGKILL');
  const prefix = `demo-${run.pid ?? -1}-`;
  for (const place of ['/dev/shm', runtimeDirectory()]) {
    expect(readdirSync(place).filter((name) => name.includes(prefix))).toEqual([]);
  }
  expect(PosixQueue.unlink(`${prefix}files`)).toBe(false);
});

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

test('a folder that is not there, and wrong options, are clear errors', async () => {
  await expect(demo(join(folder, 'missing'))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ENOENT') as unknown,
  });
  for (const wrong of [['--workers', '0'], ['--no-such-option'], [folder, folder]]) {
    await expect(demo(...wrong)).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^usage: .*\n$/) as unknown,
    });
  }
});
