import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PosixSemaphore } from '@ipc/sync';
import { expect, onTestFinished, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

noLockLeaks();

test('with a pool of one thread, every kind of lock is waited for and a file is read', () => {
  const program = fileURLToPath(new URL('../dist-test/workers/waits-everywhere.js', import.meta.url));
  const name = lockName();
  onTestFinished(() => {
    rmSync(join(tmpdir(), name), { force: true });
    PosixSemaphore.unlink(name);
  });
  const output = execFileSync(process.execPath, [program, name], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
    encoding: 'utf8',
    timeout: 30_000, // a pool that is blocked reads no file, ever
  });
  expect(JSON.parse(output)).toEqual({ waiting: 13, first: 'the file', held: 6 });
});
