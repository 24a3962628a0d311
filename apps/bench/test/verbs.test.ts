/** What the program says and ends with when it is not a run that is asked for, or none that can be had. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { BenchReport } from '../src/result.ts';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const results = new URL('../../../docs/results/', import.meta.url);
const scratch = mkdtempSync(join(tmpdir(), 'bench-verbs-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

async function bench(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close') as Promise<[number | null]>;
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}

const published = readdirSync(results).find((file) => file.endsWith('.json')) ?? '';
const result = fileURLToPath(new URL(published, results));

/** The published result, changed. */
function changed(name: string, change: (report: BenchReport) => BenchReport): string {
  const file = join(scratch, name);
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(result, 'utf8')) as BenchReport)));
  return file;
}

describe('what the user can mend is said in one line, and the program ends with 2', () => {
  const missing = join(scratch, 'missing');
  const foreign = join(scratch, 'foreign.json');
  writeFileSync(foreign, '{"schema":"other/1"}');
  const wrong = join(scratch, 'wrong.mjs');
  writeFileSync(wrong, 'export const subject = {;');

  test.each([
    [['--quick', '--full'], "option '--full' cannot be used with option '--quick'"],
    [['compare', result, missing], 'there is none; a run writes one'],
    [['choose', foreign], 'is no ipc-bench/1 report; its schema is other/1'],
    [['report', result, '--md', join(missing, 'x.md')], 'cannot be written: ENOENT'],
    [['--json', join(missing, 'x.json')], 'cannot be written: ENOENT'],
    [
      ['--subject', `${missing}.js`, '--dry-run'],
      `${missing}.js cannot be loaded: Error: Cannot find module`,
    ],
    [
      ['--scenario', `${missing}.js`, '--dry-run'],
      `${missing}.js cannot be loaded: Error: Cannot find module`,
    ],
    [['--subject', wrong, '--dry-run'], `${wrong} cannot be loaded: SyntaxError: Unexpected token ';'`],
  ])('%j', async (args, reason) => {
    const { code, stdout, stderr } = await bench(...args);

    expect(stderr).toMatch(/^error: .*\n$/);
    expect(stderr).toContain(reason);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

test('compare refuses what has nothing in common, and says what else has changed', async () => {
  const empty = changed('empty.json', (report) => ({ ...report, results: [] }));
  const nothing = await bench('compare', result, empty);
  expect(nothing.code).toBe(2);
  expect(nothing.stderr).toContain('have no result in common');

  const elsewhere = changed('elsewhere.json', (report) => ({
    ...report,
    environment: { ...report.environment, node: 'v99.0.0' },
  }));
  expect((await bench('compare', result, result)).stdout).not.toContain('Not the code alone');
  const { code, stdout } = await bench('compare', result, elsewhere);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Not the code alone has changed: Node: v\S+, then v99\.0\.0\.\n$/);
});

test('choose says where its figures are from, and what they lack', async () => {
  const elsewhere = changed('chosen.json', (report) => ({
    ...report,
    results: report.results.filter(({ subject }) => subject !== 'socket.tcp'),
    environment: { ...report.environment, node: 'v99.0.0' },
  }));
  const { code, stdout } = await bench('choose', elsewhere, '--rate', '1000');
  expect(code).toBe(0);
  expect(stdout).toContain('Each keeps the order in which one sender has sent.');
  expect(stdout).toMatch(/^Measured at \d{4}-\d\d-\d\d \d\d:\d\d UTC: .*chosen\.json$/m);
  expect(stdout).toContain(`Not as it was there: Node: v99.0.0, then ${process.version}.`);
  expect(stdout).toMatch(/^Not measured there: .*\bsocket\.tcp\b.* --full measures all\.$/m);
});

test('what is read only in part, as `head` does, is no error', async () => {
  const child = spawn(process.execPath, [program, 'list'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const closed = once(child, 'close');
  expect(await text(child.stderr)).toBe('');
  expect(await closed).toEqual([0, null]);
});
