import { condition, explore, mutex, queue, waitAny } from '@ipc/model';
import { expect, test } from 'vitest';

const consumer = { receives: 'sync' } as const;
const producer = { sends: 1, spelling: 'sync' } as const;

// What is left out comes to the same as something that is not: the same ends, all of them. A reduced search makes no move that the other
// does not make, so as many ends are the same ones.
test.each([
  mutex({ spellings: ['async', 'sync'], rounds: 1, deaths: 0 }),
  mutex({ spellings: ['sync', 'sync'], rounds: 1, deaths: 1 }),
  mutex({ spellings: ['sync', 'sync', 'sync'], rounds: 1, deaths: 0 }),
  condition({ parties: ['notifier', 'waiter'], deaths: 0 }),
  queue({ slots: 2, parties: [consumer, producer], deaths: 0 }),
  waitAny({ senders: [[1]], deaths: 0 }),
])('with every order $name ends as without', { timeout: 300_000 }, (scenario) => {
  const every = explore(scenario, { everyOrder: true });
  const reduced = explore(scenario);

  expect(every).toMatchObject({ complete: true });
  expect(reduced).toMatchObject({ complete: true, ends: every.ends });
  expect(reduced.violation).toBeUndefined();
  expect(reduced.states).toBeLessThan(every.states);
});
