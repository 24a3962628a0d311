import type { Channel } from '@ipc/core';
import { reconnecting, unix, type ReconnectPolicy } from '@ipc/socket';
import {
  channelConformance,
  noLeaks,
  numbered,
  pattern,
  spawnPeer,
  uniqueName,
  type Peer,
} from '@ipc/testkit';
import { expect, test } from 'vitest';
import { unixAfter } from './unix-after.ts';

noLeaks();

const peerFile = new URL('../dist-test/workers/unix-peer.js', import.meta.url);
const soon = { firstDelayMs: 1, longestDelayMs: 20 };

channelConformance(() => reconnecting(unix(), { attempts: 1, ...soon }));

/** A channel that has just lost its peer for good, and knows it. */
async function lostChannel(policy: ReconnectPolicy): Promise<{ channel: Channel; name: string; peer: Peer }> {
  const name = uniqueName('away');
  const peer = await spawnPeer(peerFile);
  await peer.call('listen', name);
  let away!: () => void;
  const lost = new Promise<void>((resolve) => (away = resolve));
  const transport = reconnecting(unix(), {
    firstDelayMs: 10_000,
    longestDelayMs: 10_000,
    onChange: away,
    ...policy,
  });
  const [channel] = await Promise.all([transport.connect(name), peer.call('accept')]);
  await peer.kill();
  await lost;
  return { channel, name, peer };
}

test('holds what is sent while the peer is dead, and delivers it in order to the next', async () => {
  const name = uniqueName('again');
  const changes: boolean[] = [];
  let away!: () => void;
  const lost = new Promise<void>((resolve) => (away = resolve));
  let dead: Promise<unknown> = Promise.resolve();
  const transport = reconnecting(
    unixAfter(() => dead),
    {
      ...soon,
      onChange(error) {
        changes.push(error === undefined);
        if (error !== undefined) away();
      },
    },
  );
  await using first = await spawnPeer(peerFile);
  await first.call('listen', name);
  const [channel] = await Promise.all([transport.connect(name), first.call('accept')]);
  await channel.send(numbered(0, 16));
  await first.call('receive', 1, 16);
  await (dead = first.kill());
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

test.each([
  ['hold', [true, true, true, true, false]],
  ['drop', [true, true, true, true, true]],
] as const)('while the peer is dead, sending is to %s', async (whileAway, accepted) => {
  const { channel, peer } = await lostChannel({ whileAway, holdMessages: 4 });
  expect(accepted.map(() => channel.trySend(pattern(1)))).toEqual(accepted);
  expect(channel.bufferedBytes).toBeGreaterThanOrEqual(whileAway === 'hold' ? 4 : 0);
  const abort = new AbortController();
  const sent = channel.send(pattern(1), { signal: abort.signal }).then(() => 'sent');
  abort.abort(new Error('enough'));
  if (whileAway === 'hold') await expect(sent).rejects.toThrow('enough');
  else expect(await sent).toBe('sent');
  await channel.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  await peer[Symbol.asyncDispose]();
});

test('while the peer is dead, sending may fail; once another is there, it goes on', async () => {
  const { channel, name, peer } = await lostChannel({ whileAway: 'fail', ...soon });
  const gone = { code: 'ERR_IPC_PEER_GONE' };
  await expect(channel.send(pattern(1))).rejects.toMatchObject(gone);
  expect(() => channel.trySend(pattern(1))).toThrow(expect.objectContaining(gone));
  await using second = await spawnPeer(peerFile);
  await second.call('listen', name);
  await second.call('accept');
  while (
    !(await channel.send(numbered(0, 16)).then(
      () => true,
      () => false,
    ))
  );
  await second.call('receive', 1, 16);
  await channel.close();
  await second.call('close');
  await peer[Symbol.asyncDispose]();
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

test('a direction that was ended stays so: the next connection is told, and still answers', async () => {
  const name = uniqueName('ended');
  let dead: Promise<unknown> = Promise.resolve();
  await using first = await spawnPeer(peerFile);
  await first.call('listen', name);
  const transport = reconnecting(
    unixAfter(() => dead),
    soon,
  );
  const [channel] = await Promise.all([transport.connect(name), first.call('accept')]);
  await channel.end();
  await first.call('end');
  const received = channel.receive();
  await (dead = first.kill());
  await using second = await spawnPeer(peerFile);
  await second.call('listen', name);
  await second.call('accept');
  await second.call('end');
  await second.call('send', 1, 8);
  expect(await received).toEqual(numbered(0, 8));
  expect(() => channel.trySend(pattern(1))).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  await channel.close();
  await second.call('close');
});
