import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
  expect(stdout).toContain('(1 too large or with too long a path)');
  expect(stdout).toMatch(/^ +1560 {2}tick +in 39 files$/m);
  expect(stdout).toMatch(/^ +780 {2}tock +in 39 files$/m);
  expect(stdout).toContain('equal to the index built in one process');
});

test('a folder that is not there, and wrong options, are clear errors', async () => {
  await expect(demo(join(folder, 'missing'))).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('ENOENT') as unknown,
  });
  await expect(demo('--workers', '0')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('usage:') as unknown,
  });
});
