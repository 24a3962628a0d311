import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expectBytes, inheritable, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import {
  fifo,
  openFifoReceiver,
  openFifoSender,
  openPipe,
  packetPipe,
  pipe,
  pipePair,
  spawnChild,
} from '@ipc/pipe';
import { expect, test } from 'vitest';

noLeaks();

const worker = fileURLToPath(new URL('../dist-test/workers/child.js', import.meta.url));

test('X4 a reader that is stopped costs the sender neither memory nor a message', async () => {
  await using child = await spawnChild(process.execPath, [worker, 'checksum']);
  const { channel } = child;
  const hash = createHash('sha1');
  const message = pattern(1_000);
  child.process.kill('SIGSTOP');
  const before = process.memoryUsage().rss;
  let accepted = 0;
  for (let offered = 0; offered < 1_000_000; offered++) {
    if (!channel.trySend(message)) continue;
    accepted++;
    hash.update(message);
  }
  expect(channel.bufferedBytes).toBeGreaterThan(0);
  expect(channel.bufferedBytes).toBeLessThan(1 << 20);
  expect(accepted).toBeLessThan(2_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(16 << 20);
  child.process.kill('SIGCONT');
  await channel.flush();
  expect(channel.bufferedBytes).toBe(0);
  await channel.send(new Uint8Array(0));
  expectBytes(await channel.receive(), hash.digest());
  expect(await child.close()).toEqual({ code: 0, signal: null });
});

test('a producer that awaits nothing pauses above one watermark, and goes on below another', async () => {
  const { sender, receiver } = pipe();
  const message = pattern(50_000);
  const sends: Promise<void>[] = [];
  while (sender.bufferedBytes < 4_000_000) sends.push(sender.send(message));
  let isLow = false;
  const low = sender.flush({ lowWaterBytes: 1_000_000 }).then(() => (isLow = true));
  const end = sender.flush();
  let received = 0;
  for (; sender.bufferedBytes > 1_000_000; received++) {
    expect(isLow).toBe(false);
    expectBytes(await receiver.receive(), message);
  }
  await low;
  expect(sender.bufferedBytes).toBeGreaterThan(500_000);
  for (; received < sends.length; received++) expectBytes(await receiver.receive(), message);
  await Promise.all([...sends, end]);
  await Promise.all([sender.close(), receiver.close()]);
});

test('fifo() carries 1 GiB with its checksum', async () => {
  const listener = await fifo().listen(uniqueName('gib'));
  await using child = await spawnChild(process.execPath, [worker, 'fifo-checksum', listener.name], {
    channels: {},
  });
  const channel = await listener.accept();
  const hash = createHash('sha1');
  const message = pattern(256 << 10);
  for (let i = 0; i < 4096; i++) {
    message[i] = i;
    hash.update(message);
    await channel.send(message);
  }
  await channel.send(new Uint8Array(0));
  expectBytes(await channel.receive(), hash.digest());
  await channel.close();
  await listener.close();
  expect(await child.exited).toEqual({ code: 0, signal: null });
}, 60_000);

test('L4 every descriptor this package opens is close-on-exec', async () => {
  const before = inheritable();
  const name = uniqueName('cloexec');
  const listener = await fifo().listen(name);
  const [accepted, connected] = await Promise.all([listener.accept(), fifo().connect(name)]);
  const waiting = await fifo().listen(uniqueName('waiting'));
  const receiver = await openFifoReceiver(`${name}-r`);
  const sender = await openFifoSender(`${name}-r`);
  const child = await spawnChild(process.execPath, [worker, 'idle']);
  const { reader, writer } = openPipe();
  const halves = [pipe(), packetPipe()];
  const channels = [...pipePair(), accepted, connected, listener, waiting, receiver, sender];

  expect(inheritable()).toEqual(before);

  // A child of node:child_process, which inherits whatever is not close-on-exec beyond its stdio.
  await using other = await spawnChild('sh', ['-c', 'ls /proc/$$/fd'], {
    channels: { output: { direction: 'from-child', format: 'lines', fd: 1 } },
  });
  const seen: string[] = [];
  for await (const line of other.channels.output) seen.push(Buffer.from(line).toString());
  expect(seen.filter((fd) => Number(fd) > 2 && Number(fd) < 10)).toEqual([]);

  for (const end of [reader, writer]) end.close();
  await Promise.all([
    ...channels.map((channel) => channel.close()),
    ...halves.flatMap((half) => [half.sender.close(), half.receiver.close()]),
    child.kill('SIGKILL'),
  ]);
  await child.channel.close();
});
