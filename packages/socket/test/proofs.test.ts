/** A gibibyte, a consumer that does not consume, and a program nobody here wrote in between. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { pathOf, type Channel, type Transport } from '@ipc/core';
import { tcp, unix } from '@ipc/socket';
import { expectBytes, noLeaks, pattern, testWith, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

async function connected(transport: Transport): Promise<[near: Channel, far: Channel]> {
  await using listener = await transport.listen(uniqueName('proof'));
  return await Promise.all([transport.connect(listener.name), listener.accept()]);
}

test.each([
  ['unix', unix()],
  ['tcp', tcp()],
])(
  'a gibibyte goes through %s unchanged',
  async (_, transport) => {
    const [near, far] = await connected(transport);
    const [sent, received] = [createHash('sha1'), createHash('sha1')];
    const message = pattern(1 << 20, 7);
    const sending = (async () => {
      for (let n = 0; n < 1_024; n++) {
        message[n] = n;
        sent.update(message);
        await near.send(message);
      }
      await near.close();
    })();
    let bytes = 0;
    for await (const part of far) {
      received.update(part);
      bytes += part.length;
    }
    await Promise.all([sending, far.close()]);
    expect(bytes).toBe(1 << 30);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
  },
  60_000,
);

test('X4 a consumer that takes nothing costs the producer no more than its buffers', async () => {
  const [near, far] = await connected(unix());
  const message = pattern(4_000);
  let accepted = 0;
  for (let round = 0; round < 200; round++) {
    while (near.trySend(message)) accepted++;
    await delay(1);
  }
  expect(near.bufferedBytes).toBeLessThanOrEqual(64 << 10);
  // Both kernel buffers, the frames here and there, and what the kernel counts beside the bytes.
  expect(accepted * message.length).toBeLessThan(4 << 20);
  for (let n = 0; n < accepted; n++) expectBytes(await far.receive(), message);
  expect(near.trySend(message)).toBe(true);
  await Promise.all([near.close(), far.close()]);
});

testWith('socat', 'socat relays a channel: messages, backpressure and the clean end', async () => {
  await using listener = await unix().listen(uniqueName('behind'));
  const relay = uniqueName('relay');
  const path = pathOf(relay, 'sock');
  const socat = spawn('socat', [`UNIX-LISTEN:${path}`, `UNIX-CONNECT:${pathOf(listener.name, 'sock')}`]);
  while (!existsSync(path)) await delay(5);
  const [near, far] = await Promise.all([unix().connect(relay), listener.accept()]);
  const messages = Array.from({ length: 300 }, (_, n) => pattern(n * 700, n));
  const sending = near.sendMany(messages);
  for (const message of messages) expectBytes(await far.receive(), message);
  await sending;
  await far.send(pattern(3));
  expectBytes(await near.receive(), pattern(3));
  await near.close();
  expect(await far.receive()).toBeUndefined();
  await far.close();
  if (socat.exitCode === null) await once(socat, 'exit');
  rmSync(path, { force: true });
});
