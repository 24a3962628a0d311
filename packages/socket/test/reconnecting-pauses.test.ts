import { setTimeout as delay } from 'node:timers/promises';
import { isIpcError } from '@ipc/core';
import { unix } from '@ipc/socket';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test, vi } from 'vitest';
import { reconnecting } from '../src/reconnecting.ts';

noLeaks();

vi.mock('node:timers/promises', async (original) => ({
  ...(await original()),
  setTimeout: vi.fn(() => Promise.resolve()),
}));

test.each([
  ['the shortest', 0, 0.5],
  ['a middling', 0.5, 0.75],
])('pauses double up to the longest, each drawn from its upper half: %s draw', async (_, drawn, part) => {
  const name = uniqueName('pauses');
  await using peer = await spawnPeer(new URL('../dist-test/workers/unix-peer.js', import.meta.url));
  await peer.call('listen', name);
  const transport = reconnecting(unix(), { firstDelayMs: 10, longestDelayMs: 100, attempts: 6 });
  const [channel] = await Promise.all([transport.connect(name), peer.call('accept')]);
  vi.mocked(delay).mockClear();
  const random = vi.spyOn(Math, 'random').mockReturnValue(drawn);
  await peer.kill();
  expect(isIpcError(await channel.closed, 'ERR_IPC_PEER_GONE')).toBe(true);
  random.mockRestore();
  // A dial may be taken by the queue of one that is just dying: then all begins again.
  const pausesMs = vi
    .mocked(delay)
    .mock.calls.map(([ms]) => ms)
    .slice(-6);
  expect(pausesMs).toEqual([10, 20, 40, 80, 100, 100].map((ms) => ms * part));
  await (await unix().listen(name)).close(); // takes the name that the dead one left
});
