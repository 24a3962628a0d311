/** What the tests of the C floor share: the floor, what it can do, and how its processes are watched. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { buildFloor, floorScenarios, type Floor } from '../src/floor.ts';

export const compiler = process.env.CC ?? 'cc';
const sources = fileURLToPath(new URL('../floor/', import.meta.url));
export const scratch = mkdtempSync(join(tmpdir(), 'floor-test-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

export const compile = (output: string, ...more: string[]): void => {
  const files = readdirSync(sources).filter((file) => file.endsWith('.c'));
  const options = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread'];
  execFileSync(compiler, [...options, ...more, '-o', output, ...files, '-lrt'], { cwd: sources });
};

/** The one that the bench uses. */
export async function theFloor(): Promise<Floor> {
  const reasons: string[] = [];
  const built = await buildFloor({ explain: (reason) => reasons.push(reason) });
  if (built === undefined) throw new Error(reasons.join());
  return built;
}

export const pairs = [...floorScenarios].flatMap(([subject, scenarios]) =>
  scenarios.map((scenario) => ({ subject, scenario })),
);
export const messagePairs = pairs.filter(({ scenario }) => /throughput|round-trip|calls/.test(scenario));
export const [firstCpu, secondCpu] = allowedCpus();
export const together: readonly [number, number] = [firstCpu, firstCpu];
export const apart: readonly [number, number] = [firstCpu, secondCpu ?? firstCpu];

export async function ended(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const closed = once(child, 'close') as Promise<[number | null]>;
  const read = async (stream: ChildProcess['stdout']): Promise<string> =>
    stream === null ? '' : text(stream);
  const [stdout, stderr, [code]] = await Promise.all([read(child.stdout), read(child.stderr), closed]);
  return { code, stdout, stderr };
}

function allowedCpus(): [number, ...number[]] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const [first = 0, ...others] = list.split(',').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  return [first, ...others];
}
