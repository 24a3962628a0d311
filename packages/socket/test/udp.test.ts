import { MAX_UDP_BYTES, openUdpReceiver, openUdpSender } from '@ipc/socket';
import { expectBytes, noLeaks, pattern } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

test.each([0, 1, 64, 1_472, MAX_UDP_BYTES])('a datagram of %i bytes arrives whole', async (length) => {
  await using receiver = await openUdpReceiver({ port: 0 });
  await using sender = await openUdpSender({ port: receiver.port });
  await sender.send(pattern(length));
  expectBytes(await receiver.receive(), pattern(length));
});

test('over IPv6', async () => {
  await using receiver = await openUdpReceiver({ host: '::1', port: 0 });
  await using sender = await openUdpSender({ host: '::1', port: receiver.port });
  await sender.send(pattern(9));
  expectBytes(await receiver.receive(), pattern(9));
});

test('every member of a multicast group gets what is sent to it', async () => {
  const multicastGroup = '239.255.77.7';
  const options = { multicastGroup, multicastInterface: '127.0.0.1' };
  await using first = await openUdpReceiver({ ...options, port: 0 });
  await using second = await openUdpReceiver({ ...options, port: first.port });
  await using sender = await openUdpSender({
    host: multicastGroup,
    port: first.port,
    multicastInterface: '127.0.0.1',
  });
  await sender.send(pattern(7));
  expectBytes(await first.receive(), pattern(7));
  expectBytes(await second.receive(), pattern(7));
});

test('datagrams nobody receives in time are dropped and counted', async () => {
  await using receiver = await openUdpReceiver({ port: 0, capacity: 2 });
  await using sender = await openUdpSender({ port: receiver.port });
  for (let n = 0; n < 5; n++) await sender.send(pattern(4, n));
  while (receiver.dropped < 3) await new Promise((resolve) => setImmediate(resolve));
  expectBytes(await receiver.receive(), pattern(4, 0));
});

test('sending to nobody is not an error; a taken port and a message over the limit are', async () => {
  await using receiver = await openUdpReceiver({ port: 0 });
  await expect(openUdpReceiver({ port: receiver.port })).rejects.toMatchObject({ code: 'ERR_IPC_EXISTS' });
  await using sender = await openUdpSender({ port: receiver.port });
  await expect(sender.send(new Uint8Array(MAX_UDP_BYTES + 1))).rejects.toMatchObject({
    code: 'ERR_IPC_TOO_LARGE',
  });
  await receiver.close();
  for (let n = 0; n < 3; n++) await sender.send(pattern(1));
  await sender.flush();
});
