import { anonymous, fifo, pipe, spawnChild } from '@ipc/pipe';
import { connectedPair, expectBytes, noLeaks, pattern } from '@ipc/testkit';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';

noLeaks();

const gather = { delayMs: 60_000 };

test.each([
  ['anonymous', anonymous],
  ['fifo', fifo],
] as const)('%s gathers for as long as it is told, unless somebody waits', async (_, transport) => {
  await using ends = await connectedPair(transport({ gather }));
  const { a, b } = ends;
  a.trySend(pattern(3));
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect(a.bufferedBytes).toBe(7);
  await a.flush();
  expectBytes(await b.receive(), pattern(3));
  expect(() => transport({ gather: { bytes: 0 } })).toThrow(RangeError);
});

test('the half of a pipe does, and the end of a pipe to a child', async () => {
  const { sender, receiver } = pipe({ gather });
  await using child = await spawnChild('cat', [], {
    channels: { there: { direction: 'to-child', fd: 0, gather }, back: { direction: 'from-child', fd: 1 } },
  });
  for (const [to, from] of [
    [sender, receiver],
    [child.channels.there, child.channels.back],
  ] as const) {
    to.trySend(pattern(3));
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    expect(to.bufferedBytes).toBe(7);
    await to.flush();
    expectBytes(await from.receive(), pattern(3));
  }
  await Promise.all([sender.close(), receiver.close()]);
  await expect(spawnChild('cat', [], { channels: { a: { gather: { bytes: 0 } } } })).rejects.toThrow(
    RangeError,
  );
});
