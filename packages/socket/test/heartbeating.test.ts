import { heartbeating, unix } from '@ipc/socket';
import { channelConformance, noLeaks, pattern, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const often = { intervalMs: 20, timeoutMs: 400 };
const peerFile = new URL('../dist-test/workers/heartbeating-peer.js', import.meta.url);

channelConformance(() => heartbeating(unix(), { intervalMs: 10, timeoutMs: 20_000 }), { peer: peerFile });

test('a peer that is stopped is gone; one that only has nothing to say is not', async () => {
  const name = uniqueName('stopped');
  await using peer = await spawnPeer(peerFile);
  await peer.call('listen', name);
  const [channel] = await Promise.all([heartbeating(unix(), often).connect(name), peer.call('accept')]);
  const received = channel.receive();
  // Many time-outs long, both say nothing.
  const first = await Promise.race([
    received,
    new Promise((resolve) => setTimeout(resolve, 1_500, 'silence')),
  ]);
  expect(first).toBe('silence');
  peer.stop();
  await expect(received).rejects.toMatchObject({
    code: 'ERR_IPC_PEER_GONE',
    message: expect.stringContaining('400 ms') as string,
  });
  await expect(channel.send(pattern(1))).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
  await channel.close();
  peer.resume();
});

test('what was blocked itself does not take its peer for late', async () => {
  const name = uniqueName('blocked');
  await using peer = await spawnPeer(peerFile);
  await peer.call('listen', name);
  const [channel] = await Promise.all([heartbeating(unix(), often).connect(name), peer.call('accept')]);
  await peer.call('send', 1, 8);
  expect(await channel.receive()).toBeDefined();
  const untilMs = performance.now() + 1_000;
  while (performance.now() < untilMs);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await channel.send(pattern(8));
  await channel.close();
});

test('an unused channel closes, cleanly for the peer', async () => {
  const listener = await heartbeating(unix(), often).listen(uniqueName('idle'));
  const [near, far] = await Promise.all([
    heartbeating(unix(), { ...often, idleMs: 50 }).connect(listener.name),
    listener.accept(),
  ]);
  await far.send(pattern(3));
  expect(await near.receive()).toEqual(pattern(3));
  await expect(near.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
  expect(await far.receive()).toBeUndefined();
  await Promise.all([near.close(), far.close(), listener.close()]);
});

test('every message arrives as it was, those that look like signals as well', async () => {
  const listener = await heartbeating(unix(), { intervalMs: 1, timeoutMs: 20_000 }).listen(
    uniqueName('alike'),
  );
  const [near, far] = await Promise.all([
    heartbeating(unix(), { intervalMs: 1, timeoutMs: 20_000 }).connect(listener.name),
    listener.accept(),
  ]);
  for (const signal of ['\0ipcbeat', '\0ipcask?', '\0ipcgot!'])
    for (let length = 0; length <= 8; length++) {
      for (const tail of [[], [0], [0, 0], [0, 0, 0], [0, 1], [1]]) {
        const message = Uint8Array.from([...Buffer.from(signal).subarray(0, length), ...tail]);
        await near.send(message);
        expect(await far.receive()).toEqual(message);
      }
    }
  await Promise.all([near.close(), far.close(), listener.close()]);
});

test('times that make no sense are refused', () => {
  expect(() => heartbeating(unix(), { intervalMs: 0 })).toThrow(RangeError);
  expect(() => heartbeating(unix(), { idleMs: NaN })).toThrow(RangeError);
  expect(() => heartbeating(unix(), { intervalMs: 10, timeoutMs: 10 })).toThrow(RangeError);
});
