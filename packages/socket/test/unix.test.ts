import { unix } from '@ipc/socket';
import { channelConformance, connectedPair, noLeaks, pattern } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

channelConformance(() => unix(), { peer: new URL('../dist-test/workers/unix-peer.js', import.meta.url) });

test('the kernel keeps more for a larger send buffer', async () => {
  const accepted = async (sendBufferBytes: number): Promise<number> => {
    await using ends = await connectedPair(unix({ sendBufferBytes }));
    let count = 0;
    while (ends.a.trySend(pattern(4_000))) count++;
    await ends.b.close();
    return count;
  };
  expect(await accepted(128 << 10)).toBeGreaterThan(2 * (await accepted(8 << 10)));
});
