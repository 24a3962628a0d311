import { openDatagramReceiver, openDatagramSender } from '@ipc/socket';
import { expectBytes, halfConformance, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

halfConformance(
  'socket.datagram',
  () => {
    const name = uniqueName('dgram');
    const receiver = openDatagramReceiver(name);
    return Promise.resolve({ sender: openDatagramSender(name), receiver });
  },
  { maxMessageBytes: 128 << 10, endsWithSender: false },
);

test('many senders, one receiver; a full queue is backpressure', async () => {
  const name = uniqueName('many');
  await using receiver = openDatagramReceiver(name);
  const senders = Array.from({ length: 4 }, () => openDatagramSender(name));
  const sent = Promise.all(
    senders.map(async (sender, s) => {
      for (let n = 0; n < 100; n++) await sender.send(pattern(1 + n, s));
      await sender.close();
    }),
  );
  const next = [0, 0, 0, 0];
  for (let i = 0; i < 400; i++) {
    const message = await receiver.receive();
    const seed = (message?.[0] ?? 0) & 3;
    const n = next[seed] ?? 0;
    expectBytes(message, pattern(1 + n, seed));
    next[seed] = n + 1;
  }
  await sent;
});

test('a name has one receiver, and none is ERR_IPC_NOT_FOUND', async () => {
  const name = uniqueName('one');
  expect(() => openDatagramSender(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }));
  await using receiver = openDatagramReceiver(name);
  expect(receiver.tryReceive()).toBeUndefined();
  expect(() => openDatagramReceiver(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_EXISTS' }));
});

test('a message over the receiver\u2019s limit is ERR_IPC_CORRUPT, never a part of it', async () => {
  const name = uniqueName('long');
  await using receiver = openDatagramReceiver(name, { maxMessageBytes: 8 });
  await using sender = openDatagramSender(name);
  await sender.send(pattern(9));
  await expect(receiver.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
});

test('several large messages are under way at once, so that the two ends need not take turns', async () => {
  const name = uniqueName('large');
  await using receiver = openDatagramReceiver(name);
  await using sender = openDatagramSender(name);
  const message = pattern(64 << 10);
  let sent = 0;
  while (sender.trySend(message)) sent++;
  expect(sent).toBeGreaterThan(4); // what the system's default has room for
  for (let i = 0; i < sent; i++) expectBytes(await receiver.receive(), message);
});

test('a limit that no send buffer can hold is ERR_IPC_LIMIT, with the command that raises it', () => {
  const name = uniqueName('beyond');
  expect(() => openDatagramSender(name, { maxMessageBytes: 1 << 30 })).toThrow(
    expect.objectContaining({
      code: 'ERR_IPC_LIMIT',
      message: expect.stringContaining('sysctl net.core.wmem_max=') as string,
    }),
  );
});
