/** `flush({ delivery: 'received' })` where more than the kernel is between the two: read ahead, wrapped, lost. */
import { EventEmitter, once } from 'node:events';
import { heartbeating, reconnecting, seqpacket, tcp, unix } from '@ipc/socket';
import { memory } from '@ipc/core';
import { connectedPair, expectBytes, noLeaks, numbered, pattern, spawnPeer, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { unixAfter } from './unix-after.ts';

noLeaks();

const gone = { code: 'ERR_IPC_PEER_GONE' };

describe.each([
  ['unix', () => unix()],
  ['seqpacket', () => seqpacket()],
  ['seqpacket for descriptors', () => seqpacket({ maxDescriptors: 1 })],
  ['tcp', () => tcp()],
  ['memory', () => memory()],
  ['heartbeating', () => heartbeating(unix())],
  ['reconnecting', () => reconnecting(unix())],
  ['both', () => reconnecting(heartbeating(seqpacket()))],
] as const)('%s', (_, transport) => {
  test('a message that was only seen, by `ready`, was not received', async () => {
    await using ends = await connectedPair(transport());
    for (const [near, far] of [
      [ends.a, ends.b],
      [ends.b, ends.a],
    ] as const) {
      await near.send(pattern(5));
      let isReceived = false;
      const received = near.flush({ delivery: 'received' }).then(() => (isReceived = true));
      await far.ready();
      await far.send(pattern(6)); // behind the receipt, if there were one
      expectBytes(await near.receive(), pattern(6));
      expect(isReceived).toBe(false);
      expectBytes(await far.receive(), pattern(5));
      await received;
    }
  });

  test('many who ask at once are all told, also while the other direction is full', async () => {
    await using ends = await connectedPair(transport());
    const { a, b } = ends;
    const filler = pattern(20_000);
    let filled = 0;
    while (filled < 400 && b.trySend(filler)) filled++;
    await a.sendMany(Array.from({ length: 10 }, (_, n) => pattern(n)));
    const received = Promise.all(Array.from({ length: 300 }, () => a.flush({ delivery: 'received' })));
    for (let n = 0; n < 10; n++) expectBytes(await b.receive(), pattern(n));
    const taken = (async () => {
      for (let n = 0; n < filled; n++) expectBytes(await a.receive(), filler);
    })();
    await Promise.all([received, taken]);
  });
});

test('what a lost connection had taken is told as lost, though another one came and went since', async () => {
  const peerFile = new URL('../dist-test/workers/unix-peer.js', import.meta.url);
  const name = uniqueName('lost-twice');
  const changes = new EventEmitter<{ lost: []; back: [] }>();
  const onChange = (error: unknown): boolean => changes.emit(error === undefined ? 'back' : 'lost');
  let dead: Promise<unknown> = Promise.resolve();
  const transport = reconnecting(
    unixAfter(() => dead),
    { firstDelayMs: 1, longestDelayMs: 20, onChange },
  );
  await using first = await spawnPeer(peerFile);
  await first.call('listen', name);
  const [channel] = await Promise.all([transport.connect(name), first.call('accept')]);
  await channel.send(pattern(8));
  await channel.flush();
  await Promise.all([once(changes, 'lost'), (dead = first.kill())]);
  await using second = await spawnPeer(peerFile);
  await Promise.all([once(changes, 'back'), second.call('listen', name)]);
  await Promise.all([once(changes, 'lost'), (dead = second.kill())]);
  await expect(channel.flush({ delivery: 'received' })).rejects.toMatchObject(gone);
  await channel.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  await (await unix().listen(name)).close(); // takes over, and away, the name that the dead peer left
});

test('what a lost connection had taken is told as lost, once; then it goes on', async () => {
  const peerFile = new URL('../dist-test/workers/unix-peer.js', import.meta.url);
  const name = uniqueName('lost');
  let away!: () => void;
  const lost = new Promise<void>((resolve) => (away = resolve));
  let dead: Promise<unknown> = Promise.resolve();
  const transport = reconnecting(
    unixAfter(() => dead),
    { firstDelayMs: 1, longestDelayMs: 20, onChange: away },
  );
  await using first = await spawnPeer(peerFile);
  await first.call('listen', name);
  const [channel] = await Promise.all([transport.connect(name), first.call('accept')]);
  await channel.send(pattern(8));
  const never = expect(channel.flush({ delivery: 'received' })).rejects.toMatchObject(gone);
  await (dead = first.kill());
  await never;
  await lost;
  await channel.send(numbered(0, 8)); // held
  const held = channel.flush({ delivery: 'received' });
  await using second = await spawnPeer(peerFile);
  await second.call('listen', name);
  await second.call('accept');
  await second.call('receive', 1, 8);
  await held;
  await channel.send(pattern(9));
  await channel.flush();
  await (dead = second.kill());
  await expect(channel.flush({ delivery: 'received' })).rejects.toMatchObject(gone);
  await channel.close({ signal: AbortSignal.abort() }).catch(() => undefined);
  await (await unix().listen(name)).close(); // takes over, and away, the name that the dead peer left
});
