/** The order in which crews are measured. */
import { expect, test } from 'vitest';
import { binaryFormat } from '../src/message-format.ts';
import { Misses } from '../src/misses.ts';
import { Pace } from '../src/pace.ts';
import { keyOf, type PlannedCell, type PlannedCrew } from '../src/planned.ts';
import { idOf } from '../src/result.ts';
import { measureRepeatedly } from '../src/repeats.ts';
import { scenarioOf } from '../src/scenarios/index.ts';

const budgetMs = 3_600_000;

const crewOf = (id: string, ...cells: PlannedCell[]): PlannedCrew => ({
  subject: {
    kind: 'messages',
    id,
    scenarios: [],
    followerStartedBy: 'bench',
    format: binaryFormat,
    open: () => {
      throw new Error('nothing is opened');
    },
  },
  subjectModule: '',
  followers: 1,
  cells,
});

const cellOf = (messageBytes: number, scenario = 'throughput'): PlannedCell => ({
  scenario: scenarioOf(scenario),
  ...{ messageBytes, placement: 'cross-core', cpus: undefined },
});

interface Course {
  readonly crews: readonly PlannedCrew[];
  readonly repeats: number;
  /** How uncertain a result is, by its id, after so many measurements of it. */
  readonly uncertainty?: (id: string, measured: number) => number;
  readonly samples?: (id: string, measured: number) => number;
}

/** Which cells were measured by the same processes, in the order of time. */
async function orderOf({ crews, repeats, uncertainty, samples }: Course): Promise<string[]> {
  const order: string[] = [];
  const measured = new Map<string, number>();
  const times = (id: string): number => measured.get(id) ?? 0;
  const done = await measureRepeatedly({
    ...{ crews, repeats },
    meter: {
      measure(crew, cells) {
        order.push(`${crew.subject.id} ${cells.map(({ messageBytes }) => messageBytes).join(' ')}`);
        for (const cell of cells) {
          const id = idOf(keyOf(crew, cell));
          measured.set(id, times(id) + 1);
        }
        return Promise.resolve();
      },
      hasFailed: () => false,
    },
    pace: new Pace({ crews: 4, warmUps: 0, cells: new Map() }, { budgetMs, refines: false, isStrict: false }),
    table: {
      samples: (key) => samples?.(idOf(key), times(idOf(key))) ?? 0,
      uncertainty: (key) => uncertainty?.(idOf(key), times(idOf(key))) ?? 0,
    },
    misses: new Misses(),
    signal: new AbortController().signal,
    onFraction: () => undefined,
    onMeasured: () => Promise.resolve(),
  });
  expect(done).toBe(repeats);
  return order;
}

test('each repeat measures all', async () => {
  const crews = [crewOf('a', cellOf(1), cellOf(2)), crewOf('b', cellOf(3))];
  expect(await orderOf({ crews, repeats: 3 })).toEqual(['a 1 2', 'b 3', 'a 1 2', 'b 3', 'a 1 2', 'b 3']);
});

test('then the processes of what is the least certain are started once more, with all of theirs that is not certain enough', async () => {
  const crews = [crewOf('a', cellOf(1), cellOf(2)), crewOf('b', cellOf(3), cellOf(4))];
  const first: Record<string, number> = { 1: 0.1, 2: 0, 3: 0.2, 4: 0.5 };
  const order = await orderOf({
    ...{ crews, repeats: 2 },
    uncertainty(id, measured) {
      const error = Object.entries(first).find(([bytes]) => id.includes(` ${bytes} `))?.[1] ?? NaN;
      return measured > 2 ? 0 : error;
    },
  });
  expect(order.slice(4)).toEqual(['b 3 4', 'a 1']);
});

test('at last, what starts a process for each sample: several cells in a row, until there is a p99', async () => {
  const crews = [crewOf('a', cellOf(1), cellOf(0, 'peer-gone'))];
  const order = await orderOf({
    ...{ crews, repeats: 2 },
    samples: (id, measured) => (id.includes('peer-gone') ? 100 * measured : 0),
    uncertainty: (id, measured) => (id.includes('peer-gone') || measured < 3 ? 0.5 : 0),
  });
  expect(order).toEqual(['a 1 0', 'a 1 0', 'a 1', 'a 0 0 0 0 0 0 0 0']);
});
