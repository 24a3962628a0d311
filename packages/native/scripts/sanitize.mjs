/**
 * Runs this package's tests against an addon built with AddressSanitizer and UndefinedBehaviorSanitizer.
 *
 * It works on a copy of the package (build/sanitize), so that the addon in use stays as it is. Leaks are not looked for:
 * V8 frees nothing at exit. Any other report ends the process that made it, and so fails its test.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const copy = join(root, 'build', 'sanitize');
const flags = '-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1';

for (const needed of ['dist', 'dist-test']) {
  if (existsSync(join(root, needed))) continue;
  console.error(`@ipc/native: ${needed} is missing; run "pnpm build" and "pnpm build:workers" first`);
  process.exit(1);
}
rmSync(copy, { recursive: true, force: true });
mkdirSync(copy, { recursive: true });
for (const part of [
  'dist',
  'dist-test',
  'src',
  'scripts',
  'test',
  'package.json',
  'vitest.config.ts',
  'README.md',
]) {
  if (existsSync(join(root, part))) cpSync(join(root, part), join(copy, part), { recursive: true });
}

/** @param {string} name */
const library = (name) =>
  execFileSync(process.env.CC ?? 'cc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
const environment = { ...process.env, CFLAGS: flags };
const built = spawnSync(process.execPath, [join(copy, 'scripts', 'build.mjs')], {
  env: environment,
  stdio: 'inherit',
});
if (built.status !== 0) process.exit(built.status ?? 1);

const tests = spawnSync(
  'npx',
  ['vitest', 'run', '--root', copy, '--test-timeout', '300000', ...process.argv.slice(2)],
  {
    env: {
      ...process.env,
      // libasan must come before everything else in a program that was not built with it.
      LD_PRELOAD: library('libasan.so'),
      ASAN_OPTIONS:
        'detect_leaks=0:handle_segv=0:handle_sigbus=0:abort_on_error=1:detect_stack_use_after_return=0',
      UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:abort_on_error=1',
    },
    stdio: 'inherit',
  },
);
if (tests.status === 0) rmSync(copy, { recursive: true });
process.exit(tests.status ?? 1);
