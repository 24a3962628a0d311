import { findFailures } from '@ipc/testkit';
import { expect, test } from 'vitest';

test('X1 whichever system call fails, of opening, taking, waiting and closing: a typed error, and nothing is left', (context) => {
  const failures = findFailures(new URL('../dist-test/workers/failing-calls.js', import.meta.url));
  if (failures === undefined) {
    context.skip('no C compiler');
    return;
  }
  expect(failures.findings).toEqual([]);
  expect(failures.neverMade).toEqual([]);
}, 90_000);
