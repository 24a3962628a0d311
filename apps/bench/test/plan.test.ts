import { expect, test } from 'vitest';
import { binaryFormat } from '../src/message-format.ts';
import { plan, workload, type Depth } from '../src/plan.ts';
import { scenarios } from '../src/scenarios/index.ts';
import type { Placement } from '../src/scenario.ts';
import type { Subject } from '../src/subject.ts';

const unopened = (): never => {
  throw new Error('a plan opens nothing');
};
const line: Subject = {
  kind: 'messages',
  id: 'a.line',
  scenarios: ['throughput', 'round-trip', 'round-trip-spinning'],
  followerStartedBy: 'bench',
  format: binaryFormat,
  open: unopened,
};
const lock: Subject = { kind: 'lock', id: 'a.lock', scenarios: ['lock-uncontended'], open: unopened };
const placements = new Map<Placement, [number, number]>([
  ['cross-core', [0, 1]],
  ['same-core', [0, 0]],
]);
const subjects = [line, lock].map((subject) => ({ module: subject.id, subject }));

const cellsOf = (depth: Depth, messageBytes: readonly number[]): string[][] =>
  plan({ subjects, scenarios, messageBytes, placements, depth }).map(({ subject, cells }) => [
    subject.id,
    ...cells.map(
      ({ scenario, messageBytes: bytes, placement }) => `${placement} ${scenario.id} ${String(bytes)}`,
    ),
  ]);

test('every subject in every placement; sizes only for messages; no spinning on one core', () => {
  expect(cellsOf('full', [64, 1 << 20])).toEqual([
    [
      'a.line',
      'cross-core throughput 64',
      'cross-core round-trip 64',
      'cross-core round-trip-spinning 64',
      'cross-core throughput 1048576',
      'cross-core round-trip 1048576',
      'cross-core round-trip-spinning 1048576',
      'same-core throughput 64',
      'same-core round-trip 64',
      'same-core throughput 1048576',
      'same-core round-trip 1048576',
    ],
    ['a.lock', 'cross-core lock-uncontended 0', 'same-core lock-uncontended 0'],
  ]);
});

test('a default run leaves out what says least', () => {
  expect(cellsOf('default', [64, 1 << 10, 64 << 10])[0]).toEqual([
    'a.line',
    'cross-core throughput 64',
    'cross-core round-trip 64',
    'cross-core round-trip-spinning 64',
    'cross-core throughput 1024',
    'cross-core round-trip 1024',
    'cross-core round-trip-spinning 1024',
    'cross-core throughput 65536',
    'cross-core round-trip 65536',
    'same-core throughput 64',
    'same-core round-trip 64',
    'same-core throughput 65536',
    'same-core round-trip 65536',
  ]);
});

test('a quick run even more; but the first size is measured everywhere, whichever it is', () => {
  expect(cellsOf('quick', [1 << 10, 64 << 10])[0]).toEqual([
    'a.line',
    'cross-core throughput 1024',
    'cross-core round-trip 1024',
    'cross-core throughput 65536',
    'cross-core round-trip 65536',
    'same-core throughput 1024',
    'same-core round-trip 1024',
  ]);
});

test('the work of all repeats, in the same processes or in fresh ones', () => {
  const pairs = plan({ subjects, scenarios, messageBytes: [64], placements, depth: 'default' });
  expect(workload(pairs, 3, false)).toEqual({ pairs: 2, warmUps: 4, cells: 21 });
  expect(workload(pairs, 3, true)).toEqual({ pairs: 6, warmUps: 12, cells: 21 });
});
