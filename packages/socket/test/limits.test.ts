/** Descriptors run out, peers come and go by the thousand, hostile ones send nonsense: nothing breaks, nothing leaks. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { pathOf, type Channel, type Closable } from '@ipc/core';
import {
  adoptChannel,
  dialUnix,
  openDatagramReceiver,
  openDatagramSender,
  openPeerPidfd,
  openUdpReceiver,
  openUdpSender,
  passableSocket,
  seqpacket,
  takeDescriptors,
  tcp,
  unix,
} from '@ipc/socket';
import * as native from '@ipc/native';
import { expectBytes, inheritable, noLeaks, numbered, pattern, resources, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const open = (): number => resources().filter((resource) => resource.startsWith('fd')).length;

test('X2 out of descriptors: who connects waits, and is served once there are some; nobody spins', async () => {
  const worker = fileURLToPath(new URL('../dist-test/workers/few-descriptors.js', import.meta.url));
  const name = uniqueName('emfile');
  const child = spawn('sh', ['-c', 'ulimit -n 100; exec "$0" "$@"', process.execPath, worker, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
  expect((await said.next()).value).toBe('listening\n');
  const channels = await Promise.all(Array.from({ length: 120 }, () => unix().connect(name)));
  await Promise.all(channels.map((channel, n) => channel.send(numbered(n, 8))));
  const full = JSON.parse(String((await said.next()).value)) as {
    accepted: number;
    cpu: number;
    error: string;
  };
  expect(full.accepted).toBeLessThan(100);
  expect(full.error).toBe('ERR_IPC_LIMIT'); // its own connect, meanwhile
  expect(full.cpu).toBeLessThan(0.5); // 1 is a processor that does nothing else
  // Those that were served close, and make room for the others: in the end everyone has had an answer.
  await Promise.all(
    channels.map(async (channel, n) => {
      expectBytes(await channel.receive(), numbered(n, 8));
      await channel.close();
    }),
  );
  child.kill();
  await once(child, 'exit');
  await (await unix().listen(name)).close();
}, 30_000);

test('L2 connections opened, used and closed leave the number of descriptors as it was', async () => {
  await using listener = await unix().listen(uniqueName('cycles'));
  const before = open();
  for (let n = 0; n < 2_000; n++) {
    const [far, near] = await Promise.all([listener.accept(), unix().connect(listener.name)]);
    await near.send(pattern(8, n));
    expectBytes(await far.receive(), pattern(8, n));
    await Promise.all([near.close(), far.close()]);
  }
  expect(open()).toBe(before);
}, 30_000);

test('connections that vanish before they are accepted harm nobody', async () => {
  await using listener = await unix({ backlog: 256 }).listen(uniqueName('vanish'));
  for (let n = 0; n < 200; n++) native.close(await dialUnix(listener.name));
  await using near = await unix().connect(listener.name);
  await near.send(pattern(5));
  for (;;) {
    const far = await listener.accept();
    const message = await far.receive().catch(() => undefined);
    await far.close();
    if (message !== undefined) {
      expectBytes(message, pattern(5));
      break;
    }
  }
});

test('L4 a flood of malformed packets with descriptors leaks none', async () => {
  await using listener = await seqpacket({ maxDescriptors: 2, maxMessageBytes: 64 }).listen(
    uniqueName('flood'),
  );
  const before = open();
  const packets = [[0], [1, 1], [7], [0, ...new Uint8Array(100)], [255, 255]].map((packet) =>
    Uint8Array.from(packet),
  );
  for (let n = 0; n < 500; n++) {
    const fd = await dialUnix(listener.name, { type: 'seqpacket' });
    const far = await listener.accept();
    const packet = packets[n % packets.length] ?? new Uint8Array(1);
    const passed = Array.from({ length: n % 5 }, () => native.eventfd(0));
    native.sendMessage(fd, packet, 0, packet.length, passed);
    for (const each of [...passed, fd]) native.close(each);
    const message = await far.receive().catch(() => undefined);
    if (message !== undefined) takeDescriptors(message).forEach(native.close);
    await far.close();
  }
  expect(open()).toBe(before);
}, 30_000);

test('L4 every descriptor this package opens is close-on-exec', async () => {
  const before = inheritable();
  const ends: Closable[] = [];
  const pidfds: number[] = [];
  for (const transport of [unix(), seqpacket(), unix({ namespace: 'abstract' }), tcp()]) {
    const listener = await transport.listen(uniqueName('cloexec'));
    const channels = await Promise.all([listener.accept(), transport.connect(listener.name)]);
    ends.push(listener, ...channels);
    pidfds.push(...channels.map((channel) => openPeerPidfd(channel) ?? -1).filter((fd) => fd !== -1));
  }
  const name = uniqueName('cloexec');
  const udp = await openUdpReceiver({ port: 0 });
  ends.push(openDatagramReceiver(name), openDatagramSender(name), udp);
  ends.push(await openUdpSender({ port: udp.port }));
  for (const type of ['stream', 'seqpacket'] as const) {
    const { channel, descriptor } = passableSocket({ type });
    native.setCloseOnExec(descriptor, false); // as one inherited from a parent is
    ends.push(channel, adoptChannel(descriptor, { type }));
  }
  expect(inheritable()).toEqual(before);
  pidfds.forEach(native.close);
  await Promise.all(ends.map((end) => end.close()));
});

test('1,000 connections at once, each with its own answer', async () => {
  await using listener = await unix().listen(uniqueName('thousand'));
  const far: Channel[] = [];
  const serving = (async () => {
    while (far.length < 1_000) {
      const channel = await listener.accept();
      far.push(channel);
      void (async () => {
        for await (const message of channel) await channel.send(message);
        await channel.close();
      })();
    }
  })();
  const near = await Promise.all(Array.from({ length: 1_000 }, () => unix().connect(listener.name)));
  await serving;
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      near.map(async (channel, n) => {
        await channel.send(numbered(n + round, 64));
        expectBytes(await channel.receive(), numbered(n + round, 64));
      }),
    );
  }
  await Promise.all(near.map((channel) => channel.close()));
}, 30_000);

test('a peer that sends noise gets ERR_IPC_CORRUPT or an end, and costs nothing afterwards', async () => {
  await using listener = await unix({ maxMessageBytes: 1024 }).listen(uniqueName('noise'));
  for (let n = 0; n < 50; n++) {
    const foreign = connect(pathOf(listener.name, 'sock')).on('error', () => undefined);
    const far = await listener.accept();
    foreign.end(pattern(1 + n * 37, n));
    await expect(
      (async () => {
        while ((await far.receive()) !== undefined);
        throw Object.assign(new Error('clean'), { code: 'clean' });
      })(),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/^(ERR_IPC_(CORRUPT|PEER_GONE)|clean)$/) as string,
    });
    await far.close();
    foreign.destroy();
  }
});
