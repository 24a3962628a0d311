import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const worker = fileURLToPath(new URL('../dist-test/workers/quiet.js', import.meta.url));
/** What V8 does for itself: memory, its own threads, and tasks for its event loop (an eventfd; a bell takes one byte). */
const own =
  /^(write\(\d+, "\\1(\\0){7}", 8\)|(mmap|munmap|mprotect|madvise|mremap|brk|prctl|futex|sched_yield|getpid|gettid|getrusage|clock_gettime|rt_sigreturn)\()/;

noLockLeaks();

function strace(...args: readonly string[]): ReturnType<typeof spawnSync> {
  return spawnSync('strace', args, { encoding: 'utf8' });
}

test.skipIf(strace('-o', '/dev/null', 'true').status !== 0)(
  'a free lock is taken and given without a system call, in any spelling, and in one microtask',
  { timeout: 60_000 },
  () => {
    const log = join(tmpdir(), uniqueName('strace'));
    try {
      const { status, stderr } = strace('-o', log, process.execPath, worker, lockName());
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const calls = readFileSync(log, 'latin1').split('\n');
      const begin = calls.findIndex((call) => call.includes('"/begin"'));
      const end = calls.findIndex((call) => call.includes('"/end"'));
      expect(begin).toBeGreaterThan(0);
      expect(end).toBeGreaterThan(begin);
      expect(calls.slice(begin + 1, end).filter((call) => !own.test(call))).toEqual([]);
    } finally {
      rmSync(log, { force: true });
    }
  },
);
