/** What is explored: `quick` in the tests, all of it by `pnpm model`. */
import type { Scenario } from './explore.ts';
import { mutex } from './scenarios/mutex.ts';
import { brief, ring, type RingStyle } from './scenarios/ring.ts';
import { semaphore } from './scenarios/semaphore.ts';

export interface Planned {
  readonly quick: boolean;
  readonly scenario: Scenario;
}

const ringStyles: readonly RingStyle[] = ['one by one', 'batches', 'claims'];

export function plan(): readonly Planned[] {
  const one = { wants: 1, rounds: 1 } as const;
  return [
    ...ringStyles.map((style) => ({ quick: true, scenario: ring(style, 1, [], brief) })),
    ...ringStyles.map((style) => ({ quick: false, scenario: ring(style, 1) })),
    { quick: true, scenario: mutex({ spellings: ['sync', 'sync'], rounds: 1, deaths: 1 }) },
    { quick: true, scenario: mutex({ spellings: ['async', 'sync'], rounds: 1, deaths: 1 }) },
    { quick: true, scenario: mutex({ spellings: ['async', 'async'], rounds: 1, deaths: 1 }) },
    { quick: false, scenario: mutex({ spellings: ['sync', 'sync'], rounds: 2, deaths: 1 }) },
    { quick: false, scenario: mutex({ spellings: ['async', 'async'], rounds: 2, deaths: 1 }) },
    { quick: false, scenario: mutex({ spellings: ['sync', 'sync', 'async'], rounds: 1, deaths: 0 }) },
    {
      quick: false,
      scenario: mutex({ spellings: ['sync', 'sync', 'async'], rounds: 1, deaths: 1, mortals: [0] }),
    },
    {
      quick: false,
      scenario: semaphore({
        permits: 1,
        parties: [
          { spelling: 'sync', ...one },
          { spelling: 'sync', ...one },
        ],
        deaths: 0,
      }),
    },
    {
      quick: false,
      scenario: semaphore({
        permits: 1,
        parties: [
          { spelling: 'sync', ...one },
          { spelling: 'async', ...one },
        ],
        deaths: 1,
      }),
    },
    {
      quick: false,
      scenario: semaphore({
        permits: 2,
        parties: [{ holds: 1 }, { holds: 1, tries: 2 }, { spelling: 'async', ...one }],
        deaths: 1,
        mortals: [0],
      }),
    },
  ];
}
