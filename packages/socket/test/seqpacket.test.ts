import { seqpacket } from '@ipc/socket';
import { channelConformance, expectBytes, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

channelConformance(() => seqpacket(), {
  peer: new URL('../dist-test/workers/seqpacket-peer.js', import.meta.url),
});

test('several large messages are under way at once, so that the two ends need not take turns', async () => {
  const name = uniqueName('large');
  await using listener = await seqpacket().listen(name);
  await using sender = await seqpacket().connect(name);
  await using receiver = await listener.accept();
  const message = pattern(64 << 10);
  let sent = 0;
  while (sender.trySend(message)) sent++;
  expect(sent).toBeGreaterThan(4); // what the system's default has room for
  for (let i = 0; i < sent; i++) expectBytes(await receiver.receive(), message);
});
