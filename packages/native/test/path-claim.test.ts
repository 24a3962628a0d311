import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { claimAbandonedPath, claimPath } from '@ipc/native';
import { expectNoLeaks, startWorker, temporaryFolder, thrownBy } from './support.ts';

expectNoLeaks();

const lockPath = (): string => join(temporaryFolder(), 'name.lock');

test('one claim at a time; releasing removes the file and lets the next one in', () => {
  const path = lockPath();
  const first = claimPath(path);
  expect(first?.path).toBe(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(claimPath(path)).toBeUndefined();
  first?.release();
  first?.release();
  expect(existsSync(path)).toBe(false);
  {
    using second = claimPath(path);
    expect(second).toBeDefined();
  }
  expect(existsSync(path)).toBe(false);
});

test('a file left behind is no claim', () => {
  const path = lockPath();
  writeFileSync(path, '');
  using claim = claimPath(path);
  expect(claim).toBeDefined();
});

test('the claim of a process that is killed is free at once', async () => {
  const path = lockPath();
  const worker = startWorker('lock-holder', ['claim', path]);
  expect(await worker.line()).toBe('held');
  expect(claimPath(path)).toBeUndefined();
  worker.child.kill('SIGKILL');
  await worker.ended;
  using claim = claimPath(path);
  expect(claim).toBeDefined();
});

test('the claim of a thread that is terminated is free at once', async () => {
  const worker = startWorker('claiming-thread', [lockPath()]);
  expect(await worker.ended).toEqual({ code: 0, signal: null, stderr: '' });
});

test('where nothing can be locked nothing is left', () => {
  const path = lockPath();
  const library = `${path}.so`;
  const source = fileURLToPath(new URL('c/no-locks.c', import.meta.url));
  execFileSync('cc', ['-D_GNU_SOURCE', '-fPIC', '-shared', '-o', library, source]);
  const file = fileURLToPath(new URL('../dist-test/workers/claim-loop.js', import.meta.url));
  const result = spawnSync(process.execPath, [file, path, '1'], {
    encoding: 'utf8',
    env: { ...process.env, LD_PRELOAD: `${process.env.LD_PRELOAD ?? ''} ${library}`.trim() }, // behind a sanitizer's
  });
  expect(result.stderr).toContain('ENOLCK: no locks available, fcntl');
  expect(result.status).toBe(1);
  expect(existsSync(path)).toBe(false);
});

test('a file that was unlinked or replaced under a claim is not removed with it', () => {
  const path = lockPath();
  const first = claimPath(path);
  unlinkSync(path);
  const second = claimPath(path);
  expect(second).toBeDefined();
  first?.release();
  expect(existsSync(path)).toBe(true);
  expect(claimPath(path)).toBeUndefined();
  second?.release();
  const third = claimPath(path);
  unlinkSync(path);
  third?.release();
});

test('many processes that claim and release never hold it together', async () => {
  const path = lockPath();
  const workers = Array.from({ length: 4 }, () => startWorker('claim-loop', [path, '100']));
  for (const worker of workers) expect(await worker.ended).toEqual({ code: 0, signal: null, stderr: '' });
  expect(existsSync(path)).toBe(false);
});

test('a symbolic link, a folder and a missing folder are refused', () => {
  const path = lockPath();
  symlinkSync('/etc/passwd', path);
  expect(thrownBy(() => claimPath(path))).toMatchObject({ code: 'ELOOP' });
  mkdirSync(`${path}.d`);
  expect(thrownBy(() => claimPath(`${path}.d`))).toMatchObject({ code: 'EISDIR' });
  expect(thrownBy(() => claimPath(join(path, 'x', 'y')))).toBeInstanceOf(Error);
});

test('only what nobody holds can be claimed to be swept', () => {
  const path = lockPath();
  expect(claimAbandonedPath(path)).toBeUndefined();
  expect(existsSync(path)).toBe(false);
  const holder = claimPath(path);
  expect(claimAbandonedPath(path)).toBeUndefined();
  holder?.release({ keepFile: true });
  const sweeper = claimAbandonedPath(path);
  expect(sweeper?.path).toBe(path);
  expect(claimAbandonedPath(path)).toBeUndefined();
  sweeper?.release();
  expect(existsSync(path)).toBe(false);
});

test('who claims a name while it is swept gets it afterwards', async () => {
  const path = lockPath();
  writeFileSync(path, '');
  const worker = startWorker('sweep-loop', [path, '50000']);
  expect(await worker.line()).toBe('sweeping');
  for (let n = 0; n < 2000; n++) {
    const claim = claimPath(path);
    expect(claim).toBeDefined();
    claim?.release({ keepFile: true });
  }
  expect(await worker.line()).toBe('swept');
  expect(await worker.ended).toEqual({ code: 0, signal: null, stderr: '' });
});
