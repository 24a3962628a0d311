import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileLock } from '@ipc/sync';
import { noLeaks } from '@ipc/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

noLeaks();

let folder = '';
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'file-lock-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const file = (): string => join(folder, `lock-${++files}`);

describe.each(['ofd', 'flock'] as const)('%s', (method) => {
  test('shared with shared, exclusive with nobody, in one process too', () => {
    const path = file();
    using a = new FileLock(path, { method });
    using b = new FileLock(path, { method });
    const first = a.tryAcquire('shared');
    const second = b.tryAcquire('shared');
    expect([first, second].every((held) => held !== undefined)).toBe(true);
    expect(b.tryAcquire('exclusive')).toBeUndefined();
    // flock(2) gives up the old lock before it asks for the new one
    b.tryAcquire('shared')?.release();
    first?.release();
    first?.release();
    second?.release();
    expect(b.acquireSync()).toBeDefined();
    expect(a.acquireSync('shared', { timeoutMs: 10 })).toBeUndefined();
  });

  test('waits, and gives up when told', async () => {
    const path = file();
    using a = new FileLock(path, { method });
    using b = new FileLock(path, { method });
    const held = a.tryAcquire();
    const abort = new AbortController();
    const aborted = b.acquire('exclusive', { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const waiting = b.acquire();
    held?.release();
    (await waiting).release();
    const early = AbortSignal.abort(new Error('early'));
    await expect(b.acquire('exclusive', { signal: early })).rejects.toThrow('early'); // though it is free
    expect(await a.withLock(() => b.tryAcquire())).toBeUndefined();
  });

  test('every call after close says so, and close lets go', () => {
    const path = file();
    const a = new FileLock(path, { method });
    using b = new FileLock(path, { method });
    const held = a.tryAcquire();
    a.close();
    a.close();
    held?.release();
    expect(b.tryAcquire()).toBeDefined();
    expect(() => a.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  });
});

test('ofd: ranges exclude each other where they overlap', () => {
  const path = file();
  using a = new FileLock(path);
  using b = new FileLock(path);
  expect(a.tryAcquire('exclusive', { start: 0, length: 10 })).toBeDefined();
  expect(b.tryAcquire('exclusive', { start: 9, length: 2 })).toBeUndefined();
  expect(b.tryAcquire('exclusive', { start: 10 })).toBeDefined();
  using c = new FileLock(path, { method: 'flock' });
  expect(() => c.tryAcquire('shared', { start: 1 })).toThrow(TypeError);
});

test('flock: excludes flock(1), and is free at once when that is killed', async () => {
  const path = file();
  using lock = new FileLock(path, { method: 'flock' });
  const held = lock.tryAcquire();
  expect(() => execFileSync('flock', ['--nonblock', path, 'true'], { stdio: 'ignore' })).toThrow();
  held?.release();
  const other = spawn('flock', ['--no-fork', path, 'sh', '-c', 'echo held; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(other.stdout, 'data');
  expect(lock.tryAcquire()).toBeUndefined();
  const next = lock.acquire();
  other.kill('SIGKILL');
  (await next).release();
});

test('a folder that is not there is a clear error', () => {
  expect(() => new FileLock(join(folder, 'no', 'lock'))).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }),
  );
});
