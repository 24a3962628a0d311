import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namePrefix } from './unique-name.ts';

const source = fileURLToPath(new URL('../c/failing-calls.c', import.meta.url));

const prefix = `${namePrefix}failing`;

export interface Failures {
  /** Calls that no work made, by those functions: an injection that goes past what is called proves nothing. */
  readonly neverMade: readonly string[];
  readonly findings: readonly string[];
}

/** Runs a worker that calls `failEachCall`, with a runtime directory of its own. `undefined` where there is no C compiler. */
export function findFailures(worker: URL): Failures | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-failing-'));
  try {
    const library = join(folder, 'failing-calls.so');
    if (spawnSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']).status !== 0) return undefined;
    const preloaded = [process.env.LD_PRELOAD, library].filter(Boolean).join(':'); // a sanitizer must come first
    const output = execFileSync(process.execPath, [fileURLToPath(worker), prefix], {
      encoding: 'utf8',
      env: { ...process.env, LD_PRELOAD: preloaded, XDG_RUNTIME_DIR: folder },
      timeout: 80_000,
    });
    return JSON.parse(output) as Failures;
  } finally {
    rmSync(folder, { recursive: true });
    for (const name of readdirSync('/dev/shm')) if (name.includes(prefix)) rmSync(join('/dev/shm', name)); // what may stay
  }
}
