import { expect, test } from 'vitest';
import { parseCli } from '../src/cli.ts';
import { binaryFormat } from '../src/message-format.ts';
import type { Depth } from '../src/depth.ts';
import { plan, workload } from '../src/plan.ts';
import { pathsOf } from '../src/planned.ts';
import { preview } from '../src/run.ts';
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
const placements = new Map<Placement, [number, number] | undefined>([
  ['cross-core', [0, 1]],
  ['same-core', [0, 0]],
  ['unpinned', undefined],
]);
const subjects = [line, lock].map((subject) => ({ module: subject.id, subject }));

const cellsOf = (depth: Depth, messageBytes: readonly number[], areSizesChosen = false): string[][] =>
  plan({ subjects, scenarios, messageBytes, areSizesChosen, placements, depth }).map(({ subject, cells }) => [
    subject.id,
    ...cells.map(
      ({ scenario, messageBytes: bytes, placement }) => `${placement} ${scenario.id} ${String(bytes)}`,
    ),
  ]);

test('a full run: every subject in every placement; sizes only for messages; no spinning on one core', () => {
  expect(cellsOf('full', [64, 64 << 10, 64 << 20])).toEqual([
    [
      'a.line',
      'cross-core throughput 64',
      'cross-core round-trip 64',
      'cross-core round-trip-spinning 64',
      'cross-core throughput 65536',
      'cross-core round-trip 65536',
      'cross-core round-trip-spinning 65536',
      'cross-core throughput 67108864',
      'same-core throughput 64',
      'same-core round-trip 64',
      'unpinned throughput 64',
      'unpinned round-trip 64',
    ],
    [
      'a.lock',
      ...['cross-core lock-uncontended 0', 'same-core lock-uncontended 0', 'unpinned lock-uncontended 0'],
    ],
  ]);
});

test('sizes that were asked for are measured in every scenario', () => {
  const [own = []] = cellsOf('chosen', [64, 3000], true);
  for (const scenario of ['throughput', 'round-trip', 'round-trip-spinning'])
    expect(own).toContain(`cross-core ${scenario} 3000`);
  for (const scenario of ['throughput', 'round-trip']) expect(own).toContain(`same-core ${scenario} 3000`);
});

test('scenarios that were asked for are measured however quick the run is', () => {
  const crews = plan({
    ...{ subjects, messageBytes: [64], placements, depth: 'quick', areScenariosChosen: true },
    scenarios: scenarios.filter(({ id }) => id === 'round-trip-spinning'),
  });
  expect(crews.map(({ subject, cells }) => [subject.id, cells.length])).toEqual([['a.line', 1]]);
});

test('a default run has the throughput of the first size and of 64 KiB across cores, and the round trips of the first; on one core only that', () => {
  expect(cellsOf('default', [64, 1 << 10, 64 << 10])[0]).toEqual([
    'a.line',
    'cross-core throughput 64',
    'cross-core round-trip 64',
    'cross-core throughput 65536',
    'same-core throughput 64',
    'same-core round-trip 64',
  ]);
});

test('on a machine with one core, that is where all is measured', () => {
  const [crew] = plan({
    ...{ subjects, scenarios, depth: 'default', messageBytes: [64, 64 << 10] },
    placements: new Map([['same-core', [0, 0]]]),
  });
  expect(crew?.cells.map(({ messageBytes }) => messageBytes)).toEqual([64, 64, 64 << 10]);
});

test('rivals send back only the smallest message, and nothing on one core', () => {
  const [crew] = plan({
    subjects: [{ module: 'peer.line', subject: { ...line, id: 'peer.line' } }],
    ...{ scenarios, placements, depth: 'default', messageBytes: [64, 64 << 10] },
  });
  expect(crew?.cells.map(({ scenario, messageBytes }) => `${scenario.id} ${messageBytes}`)).toEqual([
    ...['throughput 64', 'round-trip 64', 'throughput 65536'],
  ]);
});

test('sizes that were asked for are measured on one core, too, without subjects that were chosen', () => {
  const [own = []] = cellsOf('default', [64, 3000], true);
  expect(own).toContain('same-core throughput 3000');
});

test('who was chosen has the sizes in between, and round trips of them', () => {
  const sizesIn = (depth: Depth): unknown[] =>
    plan({
      subjects: [{ module: 'a.line', subject: { ...line, scenarios: ['throughput', 'round-trip'] } }],
      ...{ scenarios, placements, depth, messageBytes: [64, 1 << 10, 64 << 10, 1 << 20] },
    }).flatMap(({ cells }) => cells.map(({ scenario, messageBytes }) => `${scenario.id} ${messageBytes}`));
  for (const cell of ['throughput 1024', 'round-trip 65536', 'round-trip 1048576']) {
    expect(sizesIn('default')).not.toContain(cell);
    expect(sizesIn('chosen')).toContain(cell);
  }
});

test('every scenario gets warm with each of its sizes, and once for all places; what starts processes does not', () => {
  const scenarioIds = ['throughput', 'round-trip', 'peer-gone'];
  const [crew] = plan({
    subjects: [{ module: 'a.line', subject: { ...line, scenarios: scenarioIds } }],
    ...{ scenarios, placements, depth: 'chosen', messageBytes: [64, 64 << 10] },
  });
  expect(crew?.cells.map(({ scenario }) => scenario.id)).toContain('peer-gone');
  const paths = pathsOf(crew?.cells ?? []).map((path) =>
    path.map(
      ({ scenario, messageBytes, placement }) => `${placement} ${scenario.id} ${String(messageBytes)}`,
    ),
  );
  expect(paths).toEqual(
    [64, 64 << 10].flatMap((bytes) =>
      ['throughput', 'round-trip'].map((id) => [`cross-core ${id} ${bytes}`, `same-core ${id} ${bytes}`]),
    ),
  );
});

test('a quick run leaves out more; but the first size is measured on one core too, whichever it is', () => {
  expect(cellsOf('quick', [1 << 10, 64 << 10])[0]).toEqual([
    'a.line',
    'cross-core throughput 1024',
    'cross-core round-trip 1024',
    'cross-core throughput 65536',
    'same-core throughput 1024',
    'same-core round-trip 1024',
  ]);
});

test('a scenario for several followers has a crew for each number, and leaves them to the scheduler', () => {
  const star = { ...line, id: 'a.star', scenarios: ['throughput', 'fan-in'] };
  const crewsIn = (depth: Depth): unknown[] =>
    plan({
      subjects: [{ module: star.id, subject: star }],
      scenarios,
      messageBytes: [64, 1024],
      placements,
      depth,
    }).map(({ followers, cells }) => [
      followers,
      cells.filter(({ scenario }) => scenario.id === 'fan-in').length,
      cells.length,
    ]);
  expect(crewsIn('quick')).toEqual([[1, 0, 2]]);
  expect(crewsIn('default')).toEqual([[1, 0, 2]]);
  expect(crewsIn('chosen')).toEqual([
    [1, 1, 5],
    [4, 1, 1],
  ]);
  expect(crewsIn('full').length).toBe(4);
});

test('what polls is not measured on one core, and rivals in a full run only', () => {
  const placesOf = (subject: Subject, depth: Depth): unknown[] =>
    plan({
      subjects: [{ module: subject.id, subject }],
      scenarios,
      messageBytes: [64],
      placements,
      depth,
    }).flatMap(({ cells }) => cells.map(({ placement }) => placement));
  expect(placesOf({ ...line, polls: true }, 'full')).not.toContain('same-core');
  expect(placesOf({ ...line, id: 'peer.line' }, 'default')).not.toContain('same-core');
  expect(placesOf({ ...line, id: 'peer.line' }, 'full')).toContain('same-core');
});

test('the work of all repeats: processes and paths are new in each of those they are measured in', () => {
  const crews = plan({ subjects, scenarios, messageBytes: [64], placements, depth: 'default' });
  const work = workload(crews, 3);
  expect(work).toMatchObject({ crews: 6, warmUps: 9 });
  expect([...work.cells.values()].reduce((sum, times) => sum + times)).toBe(18);
});

test('on two cores the plans of all subjects fit into the times that are promised', async () => {
  const plans = ['--quick', '', '--full'].map((option) => {
    const invocation = parseCli(option === '' ? [] : [option]);
    if (invocation.verb !== 'run') throw new Error('a run was asked for');
    return preview(invocation);
  });
  const [quick, byDefault, full] = await Promise.all(plans);
  expect(quick?.expectedMs).toBeLessThan(20_000);
  expect(byDefault?.expectedMs).toBeLessThan(120_000);
  expect(full?.expectedMs).toBeLessThan(20 * 60_000);
  // Long enough to be figures, with what a full run takes beside its cells.
  expect(byDefault?.cellMs).toBeGreaterThan(30);
  expect(full?.cellMs).toBeGreaterThan(30);
});
