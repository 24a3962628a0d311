/** The order in which crews are started, measured and ended. */
import { expect, test } from 'vitest';
import { binaryFormat } from '../src/message-format.ts';
import { Misses } from '../src/misses.ts';
import { Pace } from '../src/pace.ts';
import type { PlannedCrew } from '../src/planned.ts';
import { measureRepeatedly } from '../src/repeats.ts';

const budgetMs = 3_600_000;

const crewOf = (id: string): PlannedCrew => ({
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
  cells: [],
});

async function orderOf({ oneByOne }: { oneByOne: boolean }): Promise<{ order: string; starts: number }> {
  const crews = ['a', 'b'].map(crewOf);
  const order: string[] = [];
  const note = (what: string): Promise<void> => {
    order.push(what);
    return Promise.resolve();
  };
  const done = await measureRepeatedly({
    ...{ crews, oneByOne, repeats: 5, starts: 2, processors: 1 },
    meter: {
      start: ({ subject }) => note(`+${subject.id}`),
      measure: ({ subject }) => note(subject.id),
      endAll: () => note('.'),
      hasFailed: () => false,
    },
    pace: new Pace({ crews: 4, warmUps: 0, cells: new Map() }, { budgetMs, refines: false, isStrict: false }),
    table: { samples: () => 0, uncertainty: () => 0 },
    misses: new Misses(),
    signal: new AbortController().signal,
    onFraction: () => undefined,
  });
  expect(done.repeats).toBe(5);
  return { order: order.join(' '), starts: done.starts };
}

test('one crew at a time: the repeats of its processes in a row, before the next has its turn', async () => {
  expect(await orderOf({ oneByOne: true })).toEqual({ order: 'a a a . b b b . a a . b b . .', starts: 2 });
});

test('side by side: each repeat measures all, and all are new as often as was planned', async () => {
  expect(await orderOf({ oneByOne: false })).toEqual({
    order: '. +a +b a b a b a b . +a +b a b a b .',
    starts: 2,
  });
});
