import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { uniqueName } from '@ipc/testkit';
import { beforeEach, describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const worker = (name: string): string =>
  fileURLToPath(new URL(`../dist-test/workers/${name}.js`, import.meta.url));
/** What V8 does for itself: memory, its own threads, and tasks for its event loop (an eventfd; a bell takes one byte). */
const own =
  /^(write\(\d+, "\\1(\\0){7}", 8\)|(mmap|munmap|mprotect|madvise|mremap|brk|prctl|futex|sched_yield|getpid|gettid|getrusage|clock_gettime|rt_sigreturn)\()/;

noLockLeaks();

/** With one arena, as malloc(3) reads `/proc/sys/vm/overcommit_memory` before it first gives a piece of another one back. */
function strace(...args: readonly string[]): ReturnType<typeof spawnSync> {
  return spawnSync('strace', args, {
    encoding: 'utf8',
    env: { ...process.env, MALLOC_ARENA_MAX: '1' },
  });
}

/** The system calls that a worker's main thread makes between its marks. */
function callsOf(program: string, ...args: readonly string[]): readonly string[] {
  const log = join(tmpdir(), uniqueName('strace'));
  try {
    const { status, stderr } = strace('-o', log, process.execPath, worker(program), ...args);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const calls = readFileSync(log, 'latin1').split('\n');
    const begin = calls.findIndex((call) => call.includes('"/begin"'));
    const end = calls.findIndex((call) => call.includes('"/end"'));
    expect(begin).toBeGreaterThan(0);
    expect(end).toBeGreaterThan(begin);
    return calls.slice(begin + 1, end);
  } finally {
    rmSync(log, { force: true });
  }
}

describe('under strace', { timeout: 60_000 }, () => {
  beforeEach((context) => {
    context.skip(strace('-o', '/dev/null', 'true').status !== 0, 'strace cannot be run');
  });

  test('a free lock is taken and given without a system call, in any spelling, and in one microtask', () => {
    expect(callsOf('quiet', lockName()).filter((call) => !own.test(call))).toEqual([]);
  });

  test('no wait goes by a clock that can be set', () => {
    const file = join(tmpdir(), uniqueName('lock'));
    try {
      const calls = callsOf('patient', lockName(), file);
      const waits = calls.filter((call) =>
        /^(p?poll|p?select|(clock_)?nanosleep|futex.*WAIT.*tv_sec)/.test(call),
      );
      expect(waits).not.toEqual([]);
      expect(waits.filter((call) => call.includes('CLOCK_REALTIME'))).toEqual([]);
    } finally {
      rmSync(file, { force: true });
    }
  });
});
