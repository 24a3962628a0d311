import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namePrefix } from '@ipc/testkit';
import { afterAll, expect, test } from 'vitest';

const source = fileURLToPath(new URL('failing-calls.c', import.meta.url));
const worker = fileURLToPath(new URL('../dist-test/workers/failing-calls.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ipc-failing-'));
const library = join(folder, 'failing-calls.so');
const compiled = spawnSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']).status === 0;
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test.runIf(compiled)(
  'X1 whichever system call fails, of creating, opening, sending, receiving and closing: a typed error, and nothing is left',
  () => {
    const output = execFileSync(process.execPath, [worker, `${namePrefix}failing`], {
      encoding: 'utf8',
      env: { ...process.env, LD_PRELOAD: library, XDG_RUNTIME_DIR: folder },
      timeout: 60_000,
    });
    const { failed, findings } = JSON.parse(output) as { failed: number; findings: string[] };
    expect(findings).toEqual([]);
    expect(failed).toBeGreaterThan(100);
  },
  90_000,
);
