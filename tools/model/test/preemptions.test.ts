import { explore, mutex } from '@ipc/model';
import { expect, test } from 'vitest';

test('with room for every preemption a bounded search ends as one without a bound, and with none it sees less', () => {
  const scenario = mutex({ spellings: ['sync', 'sync'], rounds: 1, deaths: 0 });
  const every = explore(scenario, { everyOrder: true });
  const [all, none] = [100, 0].map((preemptions) => explore(scenario, { preemptions }));

  expect(all).toMatchObject({ complete: true, ends: every.ends, deepest: every.deepest });
  expect(none).toMatchObject({ complete: true });
  expect(none?.states).toBeLessThan(every.states);
});
