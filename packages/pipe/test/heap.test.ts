import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HeapPerMessage } from '@ipc/testkit/heap';
import { expect, test } from 'vitest';

test('trySend and drain leave nothing on the heap but what they hand over', () => {
  const worker = fileURLToPath(new URL('../dist-test/workers/heap.js', import.meta.url));
  const young = ['--min-semi-space-size=256', '--max-semi-space-size=256'];
  const printed = execFileSync(process.execPath, [...young, worker], { encoding: 'utf8' });
  const { passed, handedOver } = JSON.parse(printed) as HeapPerMessage;
  expect(handedOver).toBeGreaterThan(0);
  expect(passed - handedOver).toBeLessThan(8); // the smallest object has 16 bytes; a turn leaves some, of a thousand messages
});
