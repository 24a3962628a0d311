import { pathToFileURL } from 'node:url';
import { CommanderError } from 'commander';
import { afterEach, expect, test, vi } from 'vitest';
import { parseCli } from '../src/cli.ts';
import { formatSize, parseSize } from '../src/size.ts';
import { subjectIds } from '../src/subjects/index.ts';

const complaint = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
afterEach(() => {
  complaint.mockClear();
});

function subjectsOf(args: readonly string[]): readonly string[] {
  const invocation = parseCli(args);
  return invocation.verb === 'run' ? invocation.subjects : [];
}

test('without options everything is measured, five times or more', () => {
  expect(parseCli([])).toEqual({
    verb: 'run',
    subjects: subjectIds,
    scenarioModules: [],
    scenarioIds: undefined,
    messageBytes: [64, 1024, 65_536, 1 << 20],
    areSizesChosen: false,
    repeats: 5,
    isChosen: false,
    depth: 'default',
    isStrict: true,
    budgetMs: 115_000,
    patienceMs: 20_000,
    json: undefined,
    markdown: false,
    dryRun: false,
  });
});

test('--only takes prefixes, in several spellings', () => {
  const sockets = ['socket.unix', 'socket.tcp'];
  expect(subjectsOf(['--only', 'socket'])).toEqual(subjectIds.filter((id) => id.startsWith('socket.')));
  expect(subjectsOf(['--only', 'socket.unix,socket.tcp'])).toEqual(sockets);
  expect(subjectsOf(['run', '--only', 'socket.unix', 'shm.ring'])).toEqual(['shm.ring', 'socket.unix']);
});

test('--in takes prefixes of scenarios', () => {
  expect(parseCli(['--in', 'round-trip'])).toMatchObject({
    scenarioIds: ['round-trip', 'round-trip-paced', 'round-trip-spinning'],
  });
});

test('--size, --quick, --json, --repeats, --markdown', () => {
  expect(parseCli(['--size', '64k,64,1m'])).toMatchObject({
    messageBytes: [64, 65_536, 1 << 20],
    areSizesChosen: true,
  });
  expect(parseCli(['--full', '--dry-run'])).toMatchObject({ dryRun: true, budgetMs: 1_185_000 });
  expect(parseCli(['--quick', '--json', 'x.json'])).toMatchObject({
    repeats: 1,
    budgetMs: 15_000,
    json: 'x.json',
  });
  expect(parseCli(['--full'])).toMatchObject({ repeats: 10, depth: 'full' });
  expect(parseCli(['--quick', '--repeats', '5', '--markdown'])).toMatchObject({ repeats: 5, markdown: true });
});

test("--subject measures a module of one's own, and nothing else unless asked", () => {
  const own = pathToFileURL('mine.js').href;
  expect(subjectsOf(['--subject', 'mine.js'])).toEqual([own]);
  expect(subjectsOf(['--subject', 'mine.js', '--only', 'peer.node-net'])).toEqual([own, 'peer.node-net']);
});

test('the other verbs', () => {
  const comparison = { verb: 'compare', before: 'a.json', after: 'b.json' };
  expect(parseCli(['compare', 'a.json', 'b.json'])).toEqual({ ...comparison, threshold: 0.1 });
  expect(parseCli(['compare', 'a.json', 'b.json', '--threshold', '25%'])).toEqual({
    ...comparison,
    threshold: 0.25,
  });
  expect(parseCli(['report', '--html', 'r.html'])).toEqual({
    verb: 'report',
    file: undefined,
    html: 'r.html',
  });
  expect(parseCli(['choose', '--size', '1k', '--rate', '5', '--prefer', 'cpu'])).toEqual({
    verb: 'choose',
    file: undefined,
    need: {
      ...{ messageBytes: 1024, rate: 5, receivers: 1, shared: false, remote: false, durable: false },
      ...{ ordering: 'sender', prefer: 'cpu' },
    },
  });
  expect([parseCli(['doctor']), parseCli(['list'])]).toEqual([{ verb: 'doctor' }, { verb: 'list' }]);
});

test.each([
  [['compare', 'a.json'], 'after.json'],
  [['compare', 'a', 'b', '--threshold', '0'], 'a number of percent'],
  [['choose', '--prefer', 'looks'], 'looks'],
  [['--only', 'carrier-pigeon'], 'carrier-pigeon'],
  [['--in', 'teleport'], 'no scenario'],
  [['--size', '1'], 'a message size is'],
  [['--size', 'big'], 'a message size is'],
  [['--size', '65m'], 'a message size is'],
  [['--repeats', '0'], 'a positive integer'],
  [['--no-such-option'], '--no-such-option'],
  [['--size', ''], 'nothing is named'],
  [['--only', ','], 'nothing is named'],
  [['--full', '--quick'], 'cannot be used with'],
  [['stray'], 'there is no verb stray'],
])('%j is refused with a reason', (args, reason) => {
  expect(() => parseCli(args)).toThrow(CommanderError);
  expect(complaint.mock.calls.join()).toContain(reason);
});

test('sizes read and write as people do', () => {
  expect(['64', '1k', '64K', '1m', '2MiB', '64 B'.replace(' ', '')].map(parseSize)).toEqual([
    64, 1024, 65_536, 1_048_576, 2_097_152, 64,
  ]);
  expect([64, 1000, 1024, 65_536, 1 << 20].map(formatSize)).toEqual([
    '64 B',
    '1000 B',
    '1 KiB',
    '64 KiB',
    '1 MiB',
  ]);
});
