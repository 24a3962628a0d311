import { expect, test } from 'vitest';
import { binaryFormat } from '../src/message-format.ts';
import { plan, workload } from '../src/plan.ts';
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

test('every subject in every placement; sizes only for messages; no spinning on one core', () => {
  const pairs = plan({ subjects, scenarios, messageBytes: [64, 1024], placements });
  const cells = pairs.map(({ subject, placement, cells: planned }) => [
    `${subject.id} ${placement}`,
    ...planned.map(({ scenario, messageBytes }) => `${scenario.id} ${messageBytes}`),
  ]);
  expect(cells).toEqual([
    [
      'a.line cross-core',
      'throughput 64',
      'round-trip 64',
      'round-trip-spinning 64',
      'throughput 1024',
      'round-trip 1024',
      'round-trip-spinning 1024',
    ],
    ['a.lock cross-core', 'lock-uncontended 0'],
    ['a.line same-core', 'throughput 64', 'round-trip 64', 'throughput 1024', 'round-trip 1024'],
    ['a.lock same-core', 'lock-uncontended 0'],
  ]);
});

test('the work of all repeats', () => {
  const pairs = plan({ subjects, scenarios, messageBytes: [64], placements });
  expect(workload(pairs, 3)).toEqual({ pairs: 12, cells: 21 });
});
