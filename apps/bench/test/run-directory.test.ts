/** What a run leaves when nobody could tidy up, and who does then. */
import { SharedQueue } from '@ipc/mq';
import { mkfifo } from '@ipc/native';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { recordCrew, RunDirectory } from '../src/run-directory.ts';

const program = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'bench-directory-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

let temporary: string;
/** Of the run whose traces are looked for. */
let runPid: number | undefined;
beforeEach(() => {
  temporary = mkdtempSync(join(scratch, 't'));
  vi.stubEnv('TMPDIR', temporary);
});

test('a run removes what one left that was killed with all its processes, and no other', async () => {
  await using living = await RunDirectory.make();
  const directory = join(temporary, 'ipc-bench-killed', '0');
  mkdirSync(directory, { recursive: true });
  const crew = { subject: 'mq.shared', name: `bench-directory-${process.pid}`, directory };
  await recordCrew(crew);
  const queue = `${crew.name}-there`;
  SharedQueue.openOrCreate(queue, { capacityBytes: 4096 }).close();
  mkdirSync(join(temporary, 'ipc-bench-early', '0'), { recursive: true }); // killed before anything was recorded

  await using next = await RunDirectory.make();

  expect(
    readdirSync(temporary)
      .map((name) => join(temporary, name))
      .sort(),
  ).toEqual([living.path, next.path].sort());
  expect(SharedQueue.unlink(queue)).toBe(false);
});

test("a module of one's own that a record names is not loaded", async () => {
  const directory = join(temporary, 'ipc-bench-own', '0');
  mkdirSync(directory, { recursive: true });
  vi.stubGlobal('wasLoaded', false);
  const subject = 'data:text/javascript,globalThis.wasLoaded=true';
  await recordCrew({ subject, name: 'x', directory });

  await using next = await RunDirectory.make();

  expect(globalThis).toHaveProperty('wasLoaded', false);
  expect(readdirSync(temporary).map((name) => join(temporary, name))).toEqual([next.path]);
});

test.each([
  ['mq.shared', 'a queue', () => objects().length > 0],
  ['socket.datagram', 'a socket', () => files().some((name) => name.endsWith('.dgram'))],
])('what a killed bench has started tidies up by itself, and ends: %s, %s', async (subject, _, isThere) => {
  const options = ['--only', subject, '--in', 'throughput', '--seconds', '60'];
  const child = spawn(process.execPath, [program, ...options, '--json', join(scratch, 'none.json')], {
    stdio: 'ignore',
  });
  runPid = child.pid;
  while (!isThere()) await delay(20);
  const killed = once(child, 'exit');
  child.kill('SIGKILL');
  await killed;

  while (readdirSync(temporary).length > 0) await delay(20);
  expect(objects()).toEqual([]);
});

function objects(): string[] {
  return readdirSync('/dev/shm').filter((name) => name.includes(`bench-${String(runPid)}-`));
}

function files(): string[] {
  return readdirSync(temporary, { recursive: true }) as string[];
}

test('at its begin and at its end it removes the FIFOs of the dead', async () => {
  const dead = (): string => {
    const path = `/dev/shm/ipc-bell-${randomBytes(8).toString('hex')}`;
    mkfifo(path, 0o600);
    return path;
  };
  const early = dead();
  const run = await RunDirectory.make();
  expect(existsSync(early)).toBe(false);
  const late = dead();
  await run[Symbol.asyncDispose]();
  expect(existsSync(late)).toBe(false);
});
