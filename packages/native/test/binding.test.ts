import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support.ts';

const run = promisify(execFile);
const target = `${process.platform}-${process.arch}`;

/** This package without its addon, in a folder of its own. */
function packageWithoutAddon(): string {
  const folder = temporaryFolder();
  cpSync(fileURLToPath(new URL('../dist', import.meta.url)), join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

/** What each function of the package throws, as [code, message]; and what `unavailable` says. */
async function failures(
  folder: string,
  prelude = '',
): Promise<{ calls: [string, string][]; before: string | null }> {
  const program = `
    ${prelude}
    const native = await import(${JSON.stringify(join(folder, 'dist', 'index.js'))});
    const calls = Object.entries(native)
      .filter(([name, value]) => typeof value === 'function' && name !== 'unavailable' && name !== 'DescriptorStream')
      .map(([, call]) => {
        try {
          call(new ArrayBuffer(1));
          return ['none', ''];
        } catch (error) {
          return [error.code, error.message];
        }
      });
    console.log(JSON.stringify({ calls, before: native.unavailable()?.message ?? null }));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  return JSON.parse(stdout) as { calls: [string, string][]; before: string | null };
}

test('without an addon importing works, and every call says what to do', async () => {
  const { calls, before } = await failures(packageWithoutAddon());
  expect(calls.length).toBeGreaterThan(50);
  expect(before).toContain(
    `there is no addon for ${target}; install a C compiler and run "node scripts/build.mjs"`,
  );
  for (const call of calls) expect(call).toEqual(['ERR_IPC_UNSUPPORTED', before]);
});

test('an addon that does not load is named with its reason', async () => {
  const folder = packageWithoutAddon();
  mkdirSync(join(folder, 'prebuilds', target), { recursive: true });
  writeFileSync(join(folder, 'prebuilds', target, 'addon.node'), 'not an ELF file');
  const { calls, before } = await failures(folder);
  expect(before).toMatch(/does not load here \(.*(too short|invalid ELF header)/);
  for (const call of calls) expect(call).toEqual(['ERR_IPC_UNSUPPORTED', before]);
});

test('on another platform importing works, and every call says so', async () => {
  const pretend = `Object.defineProperty(process, 'platform', { value: 'darwin' });`;
  const { calls, before } = await failures(packageWithoutAddon(), pretend);
  expect(before).toContain(`it needs Linux and this is darwin-${process.arch}`);
  for (const call of calls) expect(call).toEqual(['ERR_IPC_UNSUPPORTED', before]);
});

test('a prebuilt addon is used when there is none of its own', async () => {
  const folder = packageWithoutAddon();
  cpSync(fileURLToPath(new URL(`../build/${target}`, import.meta.url)), join(folder, 'prebuilds', target), {
    recursive: true,
  });
  const { before } = await failures(folder);
  expect(before).toBeNull();
});
