/** Runs of the program, in whose end nothing of them may be left. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import type { BenchReport } from '../src/result.ts';

export const program: string = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** Everything a run may leave lies here, or in the system's lists. */
export const scratch: string = mkdtempSync(join(tmpdir(), 'bench-test-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly report: BenchReport;
}

/** Runs the program; `interfere` may do something to it meanwhile. */
export async function bench(
  args: readonly string[],
  env: Record<string, string> = {},
  interfere: (child: ReturnType<typeof spawn>) => void = () => undefined,
): Promise<Outcome> {
  const temporary = mkdtempSync(join(scratch, 't'));
  const json = join(scratch, 'result.json');
  const child = spawn(
    process.execPath,
    [program, ...args, '--seconds', '1', '--repeats', '1', '--json', json],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: temporary, ...env },
    },
  );
  interfere(child);
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  expect(readdirSync(temporary), 'left in the temporary directory').toEqual([]);
  expect(peersOf(child.pid ?? 0), 'processes left').toEqual([]);
  expect(readdirSync('/dev/shm').filter((file) => file.includes(`bench-${String(child.pid)}-`))).toEqual([]);
  const report = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
  return { code, stdout, stderr, report };
}

/** Nothing where it has ended or was closed meanwhile. */
function ifThere<T>(look: () => T[]): T[] {
  try {
    return look();
  } catch {
    return [];
  }
}

/** The bells of the measured processes of a run: FIFOs of no one's name, by which they are woken. */
export function bellsOf(pid: number): string[] {
  const files = peersOf(pid).flatMap((peer) =>
    ifThere(() => readdirSync(`/proc/${peer}/fd`, { withFileTypes: true })),
  );
  return files
    .flatMap(({ parentPath, name }) => ifThere(() => [readlinkSync(join(parentPath, name))]))
    .filter((file) => file.startsWith('/dev/shm/ipc-bell-'));
}

/** The ids of the measured processes of a run, which have its process id in the name of their session. */
export function peersOf(pid: number): string[] {
  return readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(`"name":"bench-${pid}-`);
    } catch {
      return false;
    }
  });
}
