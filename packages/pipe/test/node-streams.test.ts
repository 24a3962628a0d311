import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { decodingReceiver, encodingSender, utf8 } from '@ipc/core';
import { expectBytes, noLeaks, pattern } from '@ipc/testkit';
import { openPipe, receiverFrom, senderTo } from '@ipc/pipe';
import { expect, test } from 'vitest';

noLeaks();

test("lines over a child's stdio of node:child_process", async () => {
  const child = spawn('sort', { stdio: ['pipe', 'pipe', 'inherit'] });
  const input = encodingSender(senderTo(child.stdin, { format: 'lines' }), utf8);
  const output = decodingReceiver(receiverFrom(child.stdout, { format: 'lines' }), utf8);
  await input.sendMany(['b', 'a']);
  await input.close();
  const lines: string[] = [];
  for await (const line of output) lines.push(line);
  expect(lines).toEqual(['a', 'b']);
  await output.close();
});

test('frames through cat, with backpressure, on its stdio', async () => {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
  const sender = senderTo(child.stdin);
  const receiver = receiverFrom(child.stdout);
  const sending = (async () => {
    for (let i = 0; i < 50; i++) await sender.send(pattern(100_000, i));
    await sender.close();
  })();
  for (let i = 0; i < 50; i++) expectBytes(await receiver.receive(), pattern(100_000, i));
  expect(await receiver.receive()).toBeUndefined();
  await sending;
  await receiver.close();
});

test('our ends as the stdio of node:child_process', async () => {
  const [toChild, fromChild] = [openPipe(), openPipe()];
  const child = spawn('tr', ['a-z', 'A-Z'], { stdio: [toChild.reader.fd, fromChild.writer.fd, 'inherit'] });
  toChild.reader.close();
  fromChild.writer.close();
  const sender = toChild.writer.sender({ format: 'lines' });
  const receiver = fromChild.reader.receiver({ format: 'lines' });
  await sender.send(Buffer.from('shout'));
  await sender.close();
  expectBytes(await receiver.receive(), Buffer.from('SHOUT'));
  expect(await receiver.receive()).toBeUndefined();
  await receiver.close();
  if (child.exitCode === null) await once(child, 'exit');
});
