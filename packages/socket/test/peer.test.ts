import { oneOf, openPeerPidfd, peerOf, sameUser, seqpacket, unix } from '@ipc/socket';
import * as native from '@ipc/native';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const uid = process.getuid?.() ?? -1;
const gid = process.getgid?.() ?? -1;

test('both ends know the process at the other, and can hold on to it', async () => {
  await using listener = await unix().listen(uniqueName('creds'));
  await using peer = await spawnPeer(new URL('../dist-test/workers/unix-peer.js', import.meta.url));
  const [channel] = await Promise.all([listener.accept(), peer.call('connect', listener.name)]);
  expect(peerOf(channel)).toEqual({ pid: peer.pid, uid, gid });
  const pidfd = openPeerPidfd(channel);
  if (pidfd !== undefined) {
    const alive = native.poll(Int32Array.of(pidfd), Int16Array.of(native.POLLIN), new Int16Array(1), 0);
    expect(alive).toBe(0);
    await peer.kill();
    expect(native.poll(Int32Array.of(pidfd), Int16Array.of(native.POLLIN), new Int16Array(1), -1)).toBe(1);
    native.close(pidfd);
  }
  await channel.close();
  await channel.closed;
  expect(openPeerPidfd(channel)).toBeUndefined();
});

test.each([
  ['sameUser', sameUser(), true],
  ['a listed user', oneOf({ uids: [uid] }), true],
  ['a listed group', oneOf({ gids: [gid] }), true],
  ['another user', oneOf({ uids: [uid + 1], gids: [gid + 1] }), false],
  ['a rule that takes its time', () => Promise.resolve(true), true],
])('authorize by %s', async (_, authorize, admitted) => {
  for (const make of [unix, seqpacket]) {
    await using listener = await make({ authorize }).listen(uniqueName('rule'));
    await using channel = await make().connect(listener.name);
    if (admitted) {
      await using accepted = await listener.accept();
      expect(peerOf(accepted)?.pid).toBe(process.pid);
    } else {
      await expect(channel.receive()).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
    }
  }
});

test('a rule that throws refuses, and is heard of', async () => {
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  const authorize = (): boolean => {
    throw new Error('broken rule');
  };
  await using listener = await unix({ authorize }).listen(uniqueName('throws'));
  await using channel = await unix().connect(listener.name);
  await expect(channel.receive()).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
  expect((await warned).message).toBe('broken rule');
});
