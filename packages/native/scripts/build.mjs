/**
 * Compiles src/c/*.c into build/<platform>-<arch>/addon.node with a plain C compiler: no node-gyp, no Python, no
 * header download. Does nothing when the addon is newer than its sources.
 *
 * CC, CFLAGS and LDFLAGS are honoured; IPC_NATIVE_TARGET=linux-arm64 and IPC_NATIVE_OUT=prebuilds say for what and
 * where to build.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = process.env.IPC_NATIVE_TARGET ?? `${process.platform}-${process.arch}`;
const out = resolve(root, process.env.IPC_NATIVE_OUT ?? 'build', target, 'addon.node');
/** @param {string | undefined} text */
const words = (text) => (text ?? '').split(/\s+/).filter(Boolean);

if (!target.startsWith('linux-')) {
  console.log(
    `@ipc/native: ${target} is not Linux; the addon is not built. TCP and the in-process transport work without it.`,
  );
  process.exit(0);
}

const folder = join(root, 'src', 'c');
const sources = readdirSync(folder).map((name) => join(folder, name));
/** @param {string} path */
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const settings = ['CC', 'CFLAGS', 'LDFLAGS'].some((name) => process.env[name] !== undefined);
if (!settings && modified(out) > Math.max(...[...sources, fileURLToPath(import.meta.url)].map(modified))) {
  process.exit(0);
}

const [compiler = 'cc', ...compilerArguments] = words(process.env.CC ?? 'cc');
const temporary = `${out}.${process.pid}`;
mkdirSync(dirname(out), { recursive: true });
const { error, status } = spawnSync(
  compiler,
  [
    ...compilerArguments,
    ...[
      '-std=gnu11',
      '-D_GNU_SOURCE',
      '-O2',
      '-g0',
      '-fPIC',
      '-fvisibility=hidden',
      '-Wall',
      '-Wextra',
      '-Werror',
    ],
    `-I${createRequire(import.meta.url)('node-api-headers').include_dir}`,
    ...words(process.env.CFLAGS),
    ...['-shared', '-Wl,-z,nodelete', '-o', temporary], // a signal handler of it may outlive its last user
    ...sources.filter((path) => path.endsWith('.c')),
    ...['-lrt', '-ldl', '-lpthread'], // parts of libc since glibc 2.34, and in musl
    ...words(process.env.LDFLAGS),
  ],
  { stdio: 'inherit' },
);
if (error) {
  console.error(
    `@ipc/native: the C compiler "${compiler}" could not be started (${error.message}). Install one:\n` +
      '  Debian, Ubuntu:  apt-get install gcc libc6-dev\n' +
      '  Fedora, RHEL:    dnf install gcc glibc-devel\n' +
      '  Alpine:          apk add gcc musl-dev linux-headers\n' +
      'or name another with CC=clang.',
  );
  process.exit(1);
}
if (status !== 0) process.exit(status ?? 1);
// In one step: a process that loads the addon meanwhile sees the old file or the new one, never half of it.
renameSync(temporary, out);
console.log(`@ipc/native: built ${out}`);
