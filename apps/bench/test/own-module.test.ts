/** Subjects and scenarios of the user's own: they run, and what is wrong with them is said. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loadScenario } from '../src/scenarios/index.ts';
import { loadSubject } from '../src/subjects/index.ts';
import { bench, scratch } from './run-bench.ts';

const damaging = fileURLToPath(new URL('../dist-test/workers/damaging.js', import.meta.url));

const quickly = ['--quick', '--subject', damaging, '--in', 'throughput', '--size', '64'];

describe('a message', () => {
  test.each([
    ['flip', /its last word is wrong/],
    ['lose', /it is message 4/],
    ['repeat', /it is message 3/],
    ['delay', /it is message 4/],
  ])('that is damaged fails the run: %s', async (how, reason) => {
    const { code, stdout, report } = await bench(quickly, { BENCH_DAMAGE: how });
    expect(code).toBe(1);
    expect(stdout).toContain('FAILED: own.damaging throughput 64 B');
    expect(report.environment.run.complete).toBe(false);
    expect(report.environment.run.failures[0]).toMatchObject({
      ...{ subject: 'own.damaging', scenario: 'throughput' },
      reason: expect.stringMatching(reason) as string,
    });
  });

  test('of 64 KiB with one wrong byte in the middle fails the run, as marked ones are read whole', async () => {
    const options = ['--quick', '--subject', damaging, '--in', 'throughput', '--size', '64k'];
    const { code, report } = await bench(options, { BENCH_DAMAGE: 'flip in the middle' });
    expect(code).toBe(1);
    expect(report.environment.run.failures).toMatchObject([
      { messageBytes: 65_536, reason: expect.stringContaining('byte 32768 is wrong') as string },
    ]);
  });

  test('that is not, does not', async () => {
    const { code, report } = await bench(quickly);
    expect(code).toBe(0);
    expect(report.results.map(({ subject }) => subject)).toContain('own.damaging');
  });
});

test.each(['leader', 'follower'])(
  'when the %s is killed that is told, and the others are measured',
  async (who) => {
    const { code, stdout, report } = await bench([...quickly, '--only', 'socket.unix'], {
      BENCH_DAMAGE: `kill the ${who}`,
    });
    expect(code).toBe(1);
    expect(stdout).toContain(`the ${who} ended with SIGKILL`);
    expect(stdout).toContain('The run is not complete.');
    expect(report.environment.run.failures).toMatchObject([
      {
        ...{ subject: 'own.damaging', scenario: 'throughput', messageBytes: 64 },
        reason: expect.stringContaining(`the ${who} ended with SIGKILL`) as string,
      },
    ]);
    expect(new Set(report.results.map(({ subject }) => subject))).toEqual(new Set(['socket.unix']));
  },
);

test('what hangs is told, and killed, and the others are measured', async () => {
  const { code, stdout, report } = await bench([...quickly, '--only', 'socket.unix', '--patience', '5'], {
    BENCH_DAMAGE: 'hang the follower',
  });
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /FAILED: own\.damaging throughput 64 B [^\n]*no answer from [^\n]*the follower within 5 seconds/,
  );
  expect(new Set(report.results.map(({ subject }) => subject))).toEqual(new Set(['socket.unix']));
});

test("the README's subject of one's own runs", async () => {
  const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
  const [, code = ''] = /```js\n([^]*?)```/.exec(readme) ?? [];
  const module = fileURLToPath(new URL('../dist-test/readme-subject.js', import.meta.url));
  writeFileSync(module, code);
  const { report } = await bench(['--quick', '--subject', module, '--size', '64,64k']);
  expect(report.environment.run.failures).toEqual([]);
  const sizes = report.results
    .filter(({ subject, scenario }) => subject === 'own.small-socket' && scenario === 'throughput')
    .map(({ messageBytes }) => messageBytes);
  expect(new Set(sizes)).toEqual(new Set([64])); // 64 KiB are over its limit
});

test("the README's scenario of one's own runs, with every subject", async () => {
  const readme = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8');
  const [, code = ''] = /## A scenario of one's own[^]*?```js\n([^]*?)```/.exec(readme) ?? [];
  const module = fileURLToPath(new URL('../dist-test/readme-scenario.js', import.meta.url));
  writeFileSync(module, code);
  const { code: exitCode, report } = await bench([
    ...['--quick', '--scenario', module, '--only', 'socket.unix,peer.node-net', '--size', '64'],
  ]);
  expect(exitCode).toBe(0);
  const bursts = report.results.filter(({ scenario }) => scenario === 'own.burst');
  expect(new Set(bursts.map(({ subject }) => subject))).toEqual(new Set(['socket.unix', 'peer.node-net']));
  for (const { latencyNs } of bursts) expect(latencyNs?.p50).toBeGreaterThan(0);
});

test('who dies when all is measured has failed too, and its figures hold', async () => {
  const { code, report } = await bench(quickly, { BENCH_DAMAGE: 'kill at the end' });
  expect(code).toBe(1);
  const [{ subject, reason } = { subject: '', reason: '' }] = report.environment.run.failures;
  expect([subject, reason]).toEqual(['own.damaging', 'the leader ended with SIGKILL']);
  expect(report.results.map(({ subject: measured }) => measured)).toContain('own.damaging');
});

describe('what is wrong with a module is said, and where', () => {
  const format = '{ blank() {}, stamp() {}, check() {}, numberOf() {} }';
  const whole = `kind: 'messages', id: 'own.x', followerStartedBy: 'bench', scenarios: ['throughput'], format: ${format}`;
  const subjectOf = (fields: string): string => `export const subject = { ${fields} };`;
  const scenarioOf = (fields: string): string => `export const scenario = { ${fields} };`;
  let files = 0;
  const write = (code: string): string => {
    const file = join(scratch, `own-${files++}.mjs`);
    writeFileSync(file, code);
    return file;
  };

  test.each([
    [
      '\nthrow new RangeError("no such device\\nat all");',
      'cannot be loaded: RangeError: no such device, in line 2',
    ],
    ["import 'not-installed';", "cannot be loaded: Error: Cannot find package 'not-installed'"],
    ['export const other = 1;', 'exports no subject (see defineSubject)'],
    [subjectOf("kind: 'messages'"), 'its subject has no id'],
    [subjectOf("id: 'own.x'"), 'the kind of its subject must be messages, lock or structure, not undefined'],
    [subjectOf(whole), 'its subject has no method open'],
    [subjectOf(`${whole}, open() {}, format: {}`), 'has no method blank, stamp, check, numberOf'],
    [subjectOf(`${whole}, open() {}, followerStartedBy: 'me'`), 'must be bench or leader, not me'],
    [subjectOf(`${whole}, open() {}, scenarios: []`), 'its subject names no scenarios'],
    [
      subjectOf(`${whole}, open() {}, scenarios: ['hand-over']`),
      'no scenario for messages is called hand-over; there are throughput,',
    ],
    [subjectOf(`${whole}, open() {}, id: 'shm.ring'`), 'there is a subject shm.ring already'],
  ])('of a subject: %s', async (code, what) => {
    const file = write(code);
    const { message } = await loadSubject(pathToFileURL(file).href).then(
      () => new Error('it was loaded'),
      (error: unknown) => error as Error,
    );
    expect(message).toContain(file);
    expect(message).toContain(what);
    expect(message).not.toContain('\n');
  });

  test.each([
    ['export const subject = 1;', 'exports no scenario (see defineScenario)'],
    [scenarioOf("kind: 'messages'"), 'its scenario has no id'],
    [
      scenarioOf("id: 'own.x', kind: 'message'"),
      'must be messages, lock, transport or structure, not message',
    ],
    [scenarioOf("id: 'own.x', kind: 'messages'"), 'its scenario states no question'],
    [
      scenarioOf("id: 'own.x', kind: 'messages', question: '?', run() {}"),
      'has no method combine, floorScenario',
    ],
    [
      scenarioOf("id: 'calls', kind: 'messages', question: '?', run() {}, combine() {}, floorScenario() {}"),
      'there is a scenario calls already',
    ],
  ])('of a scenario: %s', async (code, what) => {
    const file = write(code);
    await expect(loadScenario(pathToFileURL(file).href)).rejects.toThrow(what);
  });

  test('of what it opens, by the process that has opened it', async () => {
    const module = write(subjectOf(`${whole}, open: () => ({ link: { send() {} } })`));
    const { code, stdout } = await bench(['--quick', '--subject', module, '--size', '64']);
    expect(code).toBe(1);
    const what = 'the link that own.x has opened has no method trySend, tryReceive, receive, close';
    expect(stdout).toMatch(new RegExp(`FAILED: own.x [^\n]*the (leader|follower): TypeError: ${what}\n`));
    expect(stdout).not.toContain('could not be pinned');
  });
});
