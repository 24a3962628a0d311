import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { expectNoLeaks, startWorker, temporaryFolder } from './support.ts';

expectNoLeaks();

test('what another process cut off reads as zeros, takes writes, counts, and wakes who sleeps on it', async () => {
  const worker = startWorker('lost-pages', ['pages', join(temporaryFolder(), 'file')]);
  expect(await worker.ended).toEqual({ code: 0, signal: null, stderr: '' });
});

test('SIGBUS that a process sends still kills, also when the threads that used the addon are gone', async () => {
  const worker = startWorker('last-user-gone', [join(temporaryFolder(), 'file')]);
  expect(await worker.ended).toMatchObject({ code: null, signal: 'SIGBUS' });
});

test('a fault in memory of others still kills, or goes to the handler that was there before', async () => {
  const folder = temporaryFolder();
  const addon = join(folder, 'foreign.node');
  const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers') as {
    include_dir: string;
  };
  const source = fileURLToPath(new URL('c/foreign-fault.c', import.meta.url));
  execFileSync('cc', ['-D_GNU_SOURCE', `-I${headers}`, '-fPIC', '-shared', '-o', addon, source]);
  const killed = startWorker('lost-pages', ['foreign', join(folder, 'a'), addon]);
  expect(await killed.ended).toMatchObject({ code: null, signal: 'SIGBUS' });
  const handled = startWorker('lost-pages', ['chained', join(folder, 'b'), addon]);
  expect(await handled.ended).toMatchObject({ code: 7, signal: null });
});
