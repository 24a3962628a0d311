import { explore, mutants, plan } from '@ipc/model';
import { describe, expect, test } from 'vitest';

describe('every interleaving, with deaths', () => {
  const quick = plan().filter((planned) => planned.quick);
  test.each(quick.map(({ scenario }) => [scenario.name, scenario] as const))(
    '%s',
    { timeout: 300_000 },
    (_, scenario) => {
      const { violation, complete } = explore(scenario);
      expect(violation).toBeUndefined();
      expect(complete).toBe(true);
    },
  );
});

describe('the checker finds what is broken on purpose', () => {
  test.each(mutants().map(({ name, scenario }) => [name, scenario] as const))(
    '%s',
    { timeout: 300_000 },
    (_, scenario) => {
      expect(explore(scenario, { states: 200_000 }).violation).toBeDefined();
    },
  );
});
