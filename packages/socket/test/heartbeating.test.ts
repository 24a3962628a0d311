import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { pathOf } from '@ipc/core';
import { heartbeating, unix } from '@ipc/socket';
import {
  channelConformance,
  expectBytes,
  noLeaks,
  numbered,
  pattern,
  spawnPeer,
  uniqueName,
} from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const often = { intervalMs: 20, timeoutMs: 1_000 };
const late = (timeoutMs: number): object => ({
  code: 'ERR_IPC_PEER_GONE',
  message: expect.stringContaining(`for ${timeoutMs} ms`) as string,
});
const peerFile = new URL('../dist-test/workers/heartbeating-peer.js', import.meta.url);

channelConformance(() => heartbeating(unix(), { intervalMs: 10, timeoutMs: 20_000 }), { peer: peerFile });

test('a peer that is stopped is gone; one that only has nothing to say is not', async () => {
  const name = uniqueName('stopped');
  await using peer = await spawnPeer(peerFile);
  await peer.call('listen', name);
  const [channel] = await Promise.all([heartbeating(unix(), often).connect(name), peer.call('accept')]);
  const received = channel.receive();
  // For more than two time-outs both say nothing.
  expect(await Promise.race([received, delay(2_500, 'silence')])).toBe('silence');
  peer.stop();
  await expect(received).rejects.toMatchObject(late(1_000));
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
  const untilMs = performance.now() + 2_000;
  while (performance.now() < untilMs);
  await delay(100);
  await channel.send(pattern(8));
  await channel.close();
});

test('who was stopped reads what came meanwhile before taking its peer for late', async () => {
  const name = uniqueName('continued');
  await using peer = await spawnPeer(peerFile, '1800');
  await peer.call('listen', name);
  await using channel = await heartbeating(unix(), { intervalMs: 20, timeoutMs: 20_000 }).connect(name);
  await peer.call('accept');
  await channel.send(numbered(0, 1));
  await peer.call('receive', 1, 1);
  peer.stop();
  await channel.send(numbered(0, 2));
  await delay(2_000);
  peer.resume();
  await delay(100);
  await peer.call('receive', 1, 2);
  await peer.call('send', 1, 3);
  expectBytes(await channel.receive(), numbered(0, 3));
});

test('a message that takes longer than the time-out is on its way, and its sender late once that stands still', async () => {
  const transport = heartbeating(unix(), { intervalMs: 20, timeoutMs: 300 });
  await using listener = await transport.listen(uniqueName('long'));
  const foreign = connect(pathOf(listener.name, 'sock'));
  await using channel = await listener.accept();
  foreign.on('error', () => undefined).resume();
  const frame = Buffer.alloc(4 + 300_000);
  frame.writeUInt32LE(300_000);
  frame.set(pattern(300_000), 4);

  foreign.write(Uint8Array.of(1, 0, 0, 0, 7)); // before the first word nobody is late
  expectBytes(await channel.receive(), Uint8Array.of(7));
  const received = channel.receive();
  for (let at = 0; at < frame.length; at += 10_000) {
    foreign.write(frame.subarray(at, at + 10_000));
    await delay(30); // thirty of them, together longer than the time-out
  }
  expectBytes(await received, pattern(300_000));
  foreign.write(frame.subarray(0, 10_000));
  await expect(channel.receive()).rejects.toMatchObject(late(300));
  foreign.destroy();
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

test('who has ended its direction goes on beating, and receives what comes long after', async () => {
  const name = uniqueName('ended');
  await using peer = await spawnPeer(peerFile, '500');
  await peer.call('listen', name);
  const [channel] = await Promise.all([
    heartbeating(unix(), { intervalMs: 20, timeoutMs: 500 }).connect(name),
    peer.call('accept'),
  ]);
  await channel.end();
  await peer.call('end');
  await delay(1_500); // three time-outs
  await peer.call('send', 1, 8);
  expectBytes(await channel.receive(), numbered(0, 8));
  await channel.close();
  await peer.call('close');
});
