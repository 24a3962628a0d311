import { explore, mutex } from '@ipc/model';
import { expect, test } from 'vitest';

// What is left out comes to the same as something that is not: the same ends, all of them.
test.each([
  mutex({ spellings: ['async', 'sync'], rounds: 1, deaths: 0 }),
  mutex({ spellings: ['sync', 'sync'], rounds: 1, deaths: 1 }),
])('with every order $name ends as without', { timeout: 300_000 }, (scenario) => {
  const every = explore(scenario, { everyOrder: true });
  const reduced = explore(scenario);

  expect(reduced).toMatchObject({ complete: true, ends: every.ends, deepest: every.deepest });
  expect(reduced.violation).toBeUndefined();
  expect(reduced.states).toBeLessThan(every.states);
});
