import { findFailures } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

describe.each([
  ['unix sockets', 'failing-calls', 50],
  ['TCP and UDP', 'failing-net-calls', 30],
] as const)('%s', (_, worker, least) => {
  test('X1 whichever system call fails, of creating, opening, sending, receiving and closing: a typed error, and nothing is left', (context) => {
    const failures = findFailures(new URL(`../dist-test/workers/${worker}.js`, import.meta.url));
    if (failures === undefined) {
      context.skip('no C compiler');
      return;
    }
    expect(failures.findings).toEqual([]);
    expect(failures.failed).toBeGreaterThan(least);
  }, 90_000);
});
