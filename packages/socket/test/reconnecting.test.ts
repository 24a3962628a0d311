import { reconnecting, unix } from '@ipc/socket';
import { channelConformance, noLeaks, numbered, pattern, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const peerFile = new URL('../dist-test/workers/unix-peer.js', import.meta.url);
const soon = { firstDelayMs: 1, longestDelayMs: 20 };

channelConformance(() => reconnecting(unix(), { attempts: 1, ...soon }));

test('holds what is sent while the peer is dead, and delivers it in order to the next', async () => {
  const name = uniqueName('again');
  const changes: boolean[] = [];
  let away!: () => void;
  const lost = new Promise<void>((resolve) => (away = resolve));
  const transport = reconnecting(unix(), {
    ...soon,
    onChange(error) {
      changes.push(error === undefined);
      if (error !== undefined) away();
    },
  });
  await using first = await spawnPeer(peerFile);
  await first.call('listen', name);
  const [channel] = await Promise.all([transport.connect(name), first.call('accept')]);
  await channel.send(numbered(0, 16));
  await first.call('receive', 1, 16);
  await first.kill();
  await lost;
  for (let n = 0; n < 100; n++) await channel.send(numbered(n, 16));
  await using second = await spawnPeer(peerFile);
  await second.call('listen', name);
  await second.call('accept');
  await second.call('receive', 100, 16);
  await second.call('send', 3, 8);
  for (let n = 0; n < 3; n++) expect(await channel.receive()).toEqual(numbered(n, 8));
  expect(changes).toEqual([false, true]);
  await channel.close();
  await second.call('close');
});

test('send waits when as much is held as may be; dropping never waits', async () => {
  for (const whileAway of ['hold', 'drop'] as const) {
    const listener = await unix().listen(uniqueName('away'));
    let away!: () => void;
    const lost = new Promise<void>((resolve) => (away = resolve));
    const transport = reconnecting(unix(), {
      whileAway,
      holdMessages: 4,
      onChange: away,
      firstDelayMs: 10_000,
      longestDelayMs: 10_000,
    });
    const [near, far] = await Promise.all([transport.connect(listener.name), listener.accept()]);
    await far.close({ signal: AbortSignal.abort() }).catch(() => undefined);
    await near.send(pattern(1)).catch(() => undefined);
    await listener.close();
    if (await Promise.race([lost.then(() => true), near.closed.then(() => false)])) {
      for (let n = 0; n < 4; n++) expect(near.trySend(pattern(1))).toBe(true);
      expect(near.trySend(pattern(1))).toBe(whileAway === 'drop');
    }
    await near.close({ signal: AbortSignal.timeout(50) }).catch(() => undefined);
  }
});

test('gives up after its attempts', async () => {
  const name = uniqueName('up');
  await using peer = await spawnPeer(peerFile);
  await peer.call('listen', name);
  const [channel] = await Promise.all([
    reconnecting(unix(), { ...soon, attempts: 3 }).connect(name),
    peer.call('accept'),
  ]);
  await peer.kill();
  await expect(channel.receive()).rejects.toMatchObject({
    code: 'ERR_IPC_PEER_GONE',
    message: expect.stringContaining('3 attempts') as string,
  });
  await channel.close();
  await (await unix().listen(name)).close(); // takes over, and away, the name that the dead peer left
});
