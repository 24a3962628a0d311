import { findFailures } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

describe.each([
  ['unix sockets', 'failing-calls'],
  ['TCP and UDP', 'failing-net-calls'],
] as const)('%s', (_, worker) => {
  test('X1 whichever system call fails, of creating, opening, sending, receiving and closing: a typed error, and nothing is left', (context) => {
    const failures = findFailures(new URL(`../dist-test/workers/${worker}.js`, import.meta.url));
    if (failures === undefined) {
      context.skip('no C compiler');
      return;
    }
    expect(failures.findings).toEqual([]);
    expect(failures.neverMade).toEqual([]);
  }, 90_000);
});
