import { spawnSync } from 'node:child_process';
import { existsSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support.ts';

const script = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));

function build(environment: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } {
  // Given flags always build again: those of whoever runs the tests are not meant here.
  const env = { ...process.env, CC: undefined, CFLAGS: undefined, LDFLAGS: undefined, ...environment };
  return spawnSync(process.execPath, [script], { env, encoding: 'utf8' });
}

test('a missing compiler is said with what to install, and fails the build', () => {
  const out = temporaryFolder();
  const { status, stderr } = build({ CC: '/no/such/compiler', IPC_NATIVE_OUT: out });
  expect(status).toBe(1);
  expect(stderr).toContain('"/no/such/compiler" could not be started');
  expect(stderr).toContain('apt-get install gcc libc6-dev');
});

test('another platform is said, and fails nothing', () => {
  const out = temporaryFolder();
  const { status, stdout } = build({ IPC_NATIVE_TARGET: 'darwin-arm64', IPC_NATIVE_OUT: out });
  expect(status).toBe(0);
  expect(stdout).toContain('darwin-arm64 is not Linux');
  expect(existsSync(join(out, 'darwin-arm64'))).toBe(false);
});

test('builds once, again when a source is newer, and leaves no half file when that fails', () => {
  const out = temporaryFolder();
  const target = `${process.platform}-${process.arch}`;
  const addon = join(out, target, 'addon.node');
  expect(build({ IPC_NATIVE_OUT: out }).stdout).toContain(`built ${addon}`);
  const { mtimeMs } = statSync(addon);
  expect(build({ IPC_NATIVE_OUT: out })).toMatchObject({ status: 0, stdout: '' });
  expect(statSync(addon).mtimeMs).toBe(mtimeMs);

  utimesSync(addon, 0, 0);
  expect(build({ IPC_NATIVE_OUT: out, CFLAGS: '-DNAPI_VERSION=oops' }).status).not.toBe(0);
  expect(statSync(addon).mtimeMs).toBe(0);
  expect(build({ IPC_NATIVE_OUT: out }).stdout).toContain(`built ${addon}`);
});
