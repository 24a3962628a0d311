import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { duplicate } from '@ipc/native';
import { Region } from '@ipc/shm';
import { noLeaks } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const kind = 'test';
const meminfo = (field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
const pageBytes = meminfo('Hugepagesize') * 1024;

const script = fileURLToPath(new URL('../dist-test/workers/region-limits.js', import.meta.url));
// Whoever is root has no limit; nobody else may be allowed to read where this is checked out.
const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups'] : ['env'];
const [command, ...args] = [...asNobody, process.execPath, script, '1'];
const limited = spawnSync(command, args).status === 0;

test('more locked memory than RLIMIT_MEMLOCK allows is a limit with value, need and remedy', (context) => {
  context.skip(!limited, 'prlimit cannot be run');
  const run = (bytes: number): unknown =>
    JSON.parse(
      execFileSync(
        'sh',
        ['-c', 'ulimit -l 64 && exec "$@"', 'sh', ...asNobody, process.execPath, script, String(bytes)],
        { encoding: 'utf8' },
      ),
    );
  expect(run(1 << 20)).toEqual({
    code: 'ERR_IPC_LIMIT',
    message: expect.stringMatching(
      /it has 1048704 bytes; RLIMIT_MEMLOCK is 65536, of which 0 are used: raise it with `ulimit -l 1025`/,
    ) as string,
  });
  expect(run(4096)).toEqual({ code: 'none' });
});

test('locked and filled pages are there from the start', () => {
  const lockedKiB = (): number =>
    Number(/^VmLck:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const before = lockedKiB();
  using region = Region.anonymous({ kind, bytes: 16_384 - 128, lock: true, populate: true });
  expect(lockedKiB() - before).toBe(16);
  expect(region.words[0]).toBe(0);
});

test('more memory than the machine has is refused before any is filled', () => {
  expect(() => Region.anonymous({ kind, bytes: totalmem() + 1 })).toThrow(
    expect.objectContaining({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringMatching(/the machine has \d+ in all/) as string,
    }),
  );
});

test('more huge pages than are set aside are a limit with value, need and remedy', (context) => {
  context.skip(pageBytes === 0, 'this kernel has no huge pages');
  const bytes = (meminfo('HugePages_Total') + 1) * pageBytes;
  expect(() => Region.anonymous({ kind, bytes, hugePages: true })).toThrow(
    expect.objectContaining({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringMatching(
        new RegExp(
          `needs \\d+ huge pages of ${pageBytes} bytes; vm.nr_hugepages is \\d+, .*\`sysctl vm.nr_hugepages=\\d+\``,
        ),
      ) as string,
    }),
  );
});

test('a region on huge pages has whole ones', (context) => {
  context.skip(meminfo('HugePages_Free') - meminfo('HugePages_Rsvd') < 1, 'no huge page is set aside');
  using region = Region.anonymous({ kind, bytes: 1000, hugePages: true });
  expect(region.bytes).toBe(1000);
  expect(region.buffer.byteLength).toBe(pageBytes);
  region.bytesView.fill(1);
  using same = Region.fromDescriptor(duplicate(region.descriptor), { kind });
  expect(same.bytesView[999]).toBe(1);
});
