import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Region } from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

test('with a pool of one thread, everything waits and a file is read', () => {
  const program = fileURLToPath(new URL('../dist-test/workers/waits-everywhere.js', import.meta.url));
  const output = execFileSync(process.execPath, [program, uniqueName('pool')], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
    encoding: 'utf8',
    timeout: 30_000, // a pool that is blocked reads no file, ever
  });
  Region.reclaim(); // it exited as it was
  expect(JSON.parse(output)).toMatchObject({ waiting: 9, first: 'the file' });
});
