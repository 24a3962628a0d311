import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checkName, objectNameOf, pathOf, runtimeDirectory } from '@ipc/core';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'name-test-'));
  vi.stubEnv('XDG_RUNTIME_DIR', '');
  vi.stubEnv('TMPDIR', directory);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

test.each(['a', 'orders', 'a.b-c_D9', 'x'.repeat(64)])('%s is a name', (name) => {
  expect(checkName(name)).toBe(name);
});

test.each(['', '.a', '-a', 'a/b', 'a b', 'ü', 'x'.repeat(65), 'a\0', 5, undefined])('%j is not', (name) => {
  expect(() => checkName(name as string)).toThrow(TypeError);
});

test('paths lie in XDG_RUNTIME_DIR where it is set', () => {
  vi.stubEnv('XDG_RUNTIME_DIR', '/run/user/7');
  expect(pathOf('orders', 'sock')).toBe('/run/user/7/ipc-orders.sock');
  expect(objectNameOf('orders', 'shm')).toBe('/ipc-orders.shm');
});

test('else in a folder of the temporary directory that only this user can enter', () => {
  const path = runtimeDirectory();
  expect(path).toBe(join(directory, `ipc-${process.getuid?.() ?? ''}`));
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test('which is refused when others can enter it', () => {
  chmodSync(runtimeDirectory(), 0o755);
  expect(() => runtimeDirectory()).toThrow(expect.objectContaining({ code: 'ERR_IPC_PERMISSION' }));
});
