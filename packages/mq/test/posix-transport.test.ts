import { posixQueue } from '@ipc/mq';
import { channelConformance, connectedPair, noLeaks, pattern } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();
/** Many channels at once have to fit into the RLIMIT_MSGQUEUE that this user shares with everything that runs. */
channelConformance(() => posixQueue({ maxMessages: 10, maxMessageBytes: 2_048 }), {
  peer: new URL('../dist-test/workers/peer.js', import.meta.url),
});

test('closes both ends at once while both still have messages that wait for room', async () => {
  await using ends = await connectedPair(posixQueue({ maxMessages: 2, maxMessageBytes: 16 }));
  const batch = Array.from({ length: 20 }, (_, i) => pattern(16, i));
  const sends = Promise.allSettled([ends.a.sendMany(batch), ends.b.sendMany(batch)]);
  await Promise.all([ends.a.close(), ends.b.close()]);
  expect((await sends).some(({ status }) => status === 'fulfilled')).toBe(true);
});

test('bufferedBytes counts bytes, and an empty message as one', async () => {
  await using ends = await connectedPair(posixQueue({ maxMessages: 2, maxMessageBytes: 16 }));
  for (const length of [5, 0, 7]) expect(ends.a.trySend(pattern(length))).toBe(true);
  expect(ends.a.bufferedBytes).toBe(13);
  await ends.b.receive();
  await ends.b.receive();
  await ends.a.flush();
  expect(ends.a.bufferedBytes).toBe(0);
});
