import { closeSync, constants, existsSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { pathOf } from '@ipc/core';
import { bytesReadable } from '@ipc/native';
import {
  channelConformance,
  expectBytes,
  noLeaks,
  pattern,
  testWithPython,
  spawnPeer,
  uniqueName,
} from '@ipc/testkit';
import { fifo, spawnChild } from '@ipc/pipe';
import { describe, expect, test } from 'vitest';

noLeaks();

const peerFile = new URL('../dist-test/workers/peer.js', import.meta.url);
const missing = { code: 'ERR_IPC_NOT_FOUND' };

channelConformance(() => fifo(), { peer: peerFile });

describe('the rendezvous of fifo()', () => {
  test('leaves no file once the two have met, and gives the name to nobody else', async () => {
    await using listener = await fifo().listen(uniqueName('met'));
    const paths = ['there.fifo', 'back.fifo'].map((suffix) => pathOf(listener.name, suffix));
    expect(paths.map((path) => existsSync(path))).toEqual([true, true]);
    const [b, a] = await Promise.all([listener.accept(), fifo().connect(listener.name)]);
    expect(paths.map((path) => existsSync(path))).toEqual([false, false]);
    await expect(fifo().connect(listener.name)).rejects.toMatchObject(missing);
    await Promise.all([a.close(), b.close()]);
  });

  test('lets one of many connect', async () => {
    await using listener = await fifo().listen(uniqueName('race'));
    const connects = await Promise.allSettled(
      Array.from({ length: 10 }, () => fifo().connect(listener.name)),
    );
    const connected = connects.filter((result) => result.status === 'fulfilled');
    expect(connected).toHaveLength(1);
    for (const result of connects)
      if (result.status === 'rejected') expect(result.reason).toMatchObject(missing);
    const accepted = await listener.accept();
    await connected[0]?.value.send(pattern(9));
    expectBytes(await accepted.receive(), pattern(9)); // nobody else has written there
    await Promise.all([accepted.close(), connected[0]?.value.close()]);
  });

  test('says that the limits differ, and goes on waiting for one that fits', async () => {
    await using listener = await fifo({ maxMessageBytes: 1_000 }).listen(uniqueName('limits'));
    await expect(fifo({ maxMessageBytes: 2_000 }).connect(listener.name)).rejects.toMatchObject({
      code: 'ERR_IPC_MISMATCH',
    });
    const [b, a] = await Promise.all([
      listener.accept(),
      fifo({ maxMessageBytes: 1_000 }).connect(listener.name),
    ]);
    await Promise.all([a.close(), b.close()]);
  });

  test('survives noise and those who open and leave', async () => {
    await using listener = await fifo().listen(uniqueName('noise'));
    const there = pathOf(listener.name, 'there.fifo');
    const { ctimeNs } = statSync(there, { bigint: true });
    closeSync(openSync(there, constants.O_WRONLY | constants.O_NONBLOCK));
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(statSync(there, { bigint: true }).ctimeNs).toBe(ctimeNs); // who comes and leaves is no reason to start afresh
    writeFileSync(there, 'this is no greeting');
    for (;;) {
      // Those who come between the noise and the new start are told to come again.
      const channel = await fifo()
        .connect(listener.name)
        .catch(() => undefined);
      if (channel === undefined) continue;
      const other = await listener.accept();
      await channel.send(pattern(3));
      expectBytes(await other.receive(), pattern(3));
      await Promise.all([channel.close(), other.close()]);
      break;
    }
  });

  test('survives a connector that dies behind its greeting', async () => {
    await using listener = await fifo().listen(uniqueName('died'));
    const there = openSync(pathOf(listener.name, 'there.fifo'), constants.O_WRONLY | constants.O_NONBLOCK);
    const greeting = Buffer.alloc(16);
    greeting.write('IPCF');
    greeting.writeUInt32LE(1, 4);
    greeting.writeUInt32LE(16 << 20, 8);
    writeSync(there, greeting); // and it reads no answer
    while (bytesReadable(there) > 0) await new Promise((resolve) => setImmediate(resolve));
    closeSync(there);
    const [b, a] = await Promise.all([listener.accept(), fifo().connect(listener.name)]);
    await Promise.all([a.close(), b.close()]);
  });

  test('waits for a listener that is stopped, fails when it is killed', async () => {
    await using peer = await spawnPeer(peerFile);
    const name = uniqueName('stopped');
    await peer.call('listen', name);
    peer.stop();
    await expect(fifo().connect(name, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    const connecting = expect(fifo().connect(name)).rejects.toMatchObject(missing);
    await peer.kill();
    await connecting;
    await using listener = await fifo().listen(name); // takes over what the dead one left
    expect(listener.name).toBe(name);
  });

  test('refuses options that are none', () => {
    expect(() => fifo({ mode: 0o10_000 })).toThrow(RangeError);
    expect(() => fifo({ maxMessageBytes: 0 })).toThrow(RangeError);
  });

  testWithPython('is spoken by a Python program written from docs/wire-formats/fifo.md', async (python) => {
    await using listener = await fifo().listen(uniqueName('python'));
    const program = `
import os, sys, struct, select, fcntl
there = os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)
fcntl.fcntl(there, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))   # F_OFD_SETLK
back = os.open(sys.argv[2], os.O_RDONLY | os.O_NONBLOCK)
greeting = b'IPCF' + struct.pack('<III', 1, 16 << 20, 0)
os.write(there, greeting)
select.select([back], [], [])
assert os.read(back, 16) == greeting
for fd in there, back: os.set_blocking(fd, True)
r, w = os.fdopen(back, 'rb'), os.fdopen(there, 'wb')
while True:
    n, = struct.unpack('<I', r.read(4))
    if n == 0xffffffff: break
    w.write(struct.pack('<I', n) + r.read(n)[::-1]); w.flush()
w.write(struct.pack('<I', 0xffffffff))
`;
    await using child = await spawnChild(
      python,
      ['-c', program, pathOf(listener.name, 'there.fifo'), pathOf(listener.name, 'back.fifo')],
      { channels: {} },
    );
    const channel = await listener.accept();
    for (const length of [0, 9, 200_000]) {
      await channel.send(pattern(length));
      expectBytes(await channel.receive(), pattern(length).reverse());
    }
    await channel.close();
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });
});
