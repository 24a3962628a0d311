import { tcp, unix } from '@ipc/socket';
import { channelConformance, connectedPair, expectBytes, noLeaks, pattern } from '@ipc/testkit';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';

noLeaks();

describe('in little pieces, late', () => {
  channelConformance(() => unix({ gather: { bytes: 100, delayMs: 1 } }), {
    peer: new URL('../dist-test/workers/unix-peer.js', import.meta.url),
  });
});

test.each([
  ['unix', unix],
  ['tcp', tcp],
] as const)('%s gathers for as long as it is told, unless somebody waits', async (_, transport) => {
  await using ends = await connectedPair(transport({ gather: { delayMs: 60_000 } }));
  const { a, b } = ends;
  a.trySend(pattern(3));
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect(a.bufferedBytes).toBe(7);
  const received = a.flush({ delivery: 'received' });
  expectBytes(await b.receive(), pattern(3));
  await received; // the receipt was not gathered either
  expect(() => transport({ gather: { bytes: 0 } })).toThrow(RangeError);
});
