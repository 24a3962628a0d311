import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const file = new URL('../dist-test/workers/portable-peer.js', import.meta.url);

test('TCP works, and finds its names, where @ipc/native cannot be loaded', async () => {
  const name = uniqueName('portable');
  await using server = await spawnPeer(file);
  await using client = await spawnPeer(file);
  await expect(client.call('connect', name)).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
  await server.call('listen', name);
  await Promise.all([server.call('accept'), client.call('connect', name)]);
  for (const length of [1, 64, 100_000]) {
    await Promise.all([server.call('send', 50, length), client.call('receive', 50, length)]);
    await Promise.all([client.call('send', 50, length), server.call('receive', 50, length)]);
  }
  await client.call('close');
  await server.call('end');
  await server.call('close');
  for (const peer of [server, client]) {
    await peer.call('leave');
    expect(await peer.exited).toEqual({ code: 0, signal: null });
  }
});

test('unix sockets say what is missing', async () => {
  await using peer = await spawnPeer(file, 'unix');
  await expect(peer.call('listen', 'x')).rejects.toMatchObject({ code: 'ERR_IPC_UNSUPPORTED' });
  await expect(peer.call('connect', 'x')).rejects.toMatchObject({
    code: 'ERR_IPC_UNSUPPORTED',
    message: expect.stringContaining('Linux') as string,
  });
});
