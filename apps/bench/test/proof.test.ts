/** What the bench is for: what has become worse is found, and a stall is seen where it belongs. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import type { BenchReport } from '../src/result.ts';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const interfering = fileURLToPath(new URL('../dist-test/workers/interfering.js', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'bench-proof-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

async function measure(
  interference: string,
  repeats: number,
): Promise<{ file: string; report: BenchReport }> {
  const file = join(scratch, `${interference}.json`);
  const options = ['--seconds', '2', '--size', '64', '--repeats', String(repeats), '--json', file];
  await promisify(execFile)(process.execPath, [program, '--subject', interfering, ...options], {
    env: { ...process.env, BENCH_INTERFERE: interference },
  });
  return { file, report: JSON.parse(readFileSync(file, 'utf8')) as BenchReport };
}

test('a subject that was slowed down is found by compare, which then fails', async () => {
  const { file: before } = await measure('none', 3);
  const { file: after } = await measure('slow', 3);
  const compare = (...files: string[]): Promise<{ stdout: string }> =>
    promisify(execFile)(process.execPath, [program, 'compare', ...files, '--threshold', '50']);
  await expect(compare(before, after)).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/own\.interfering .* throughput .* worse/) as string,
  });
  expect((await compare(before, before)).stdout).toContain('0 worse');
});

test('a stall of 20 ms makes every request late that was due meanwhile, at a steady rate', async (context) => {
  const { report } = await measure('stall', 1);
  const paced = report.results.find(({ scenario }) => scenario === 'round-trip-paced');
  context.skip(!('cross-core' in report.environment.run.placements), 'one processor only');
  // At 5000 per second each stall delays 100 requests, by 20, 19.8, … 0.2 ms; whatever part of the run is measured holds
  // two of them or more. A busy machine only adds to that. Of those who wait for each answer before they ask again, a
  // single one per stall would have been late.
  expect(paced?.samples).toBeGreaterThanOrEqual(1000);
  expect(paced?.latencyNs?.max).toBeGreaterThanOrEqual(20e6);
  expect(paced?.latencyNs?.p99).toBeGreaterThanOrEqual(17e6);
  const halfway = paced?.latencyDetail?.spectrum.filter(([fraction]) => fraction >= 0.95) ?? [];
  expect(halfway.length).toBeGreaterThan(0);
  for (const [, latencyNs] of halfway) expect(latencyNs).toBeGreaterThanOrEqual(9e6);
});
