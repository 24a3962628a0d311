/** A one-way sender learns at once that nobody reads any more, also while it sends nothing. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sender } from '@ipc/core';
import { noLeaks, pattern, uniqueName } from '@ipc/testkit';
import {
  createFifo,
  openFifoReceiver,
  openFifoSender,
  packetPipe,
  pipe,
  readFifo,
  spawnChild,
  writeFifo,
  type PipeHalves,
} from '@ipc/pipe';
import { expect, test } from 'vitest';

noLeaks();

const gone = { code: 'ERR_IPC_PEER_GONE' };

async function namedFifo(): Promise<PipeHalves> {
  const name = uniqueName('gone');
  const receiver = await openFifoReceiver(name);
  return { receiver, sender: await openFifoSender(name) };
}

async function fifoAtPath(): Promise<PipeHalves> {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-gone-'));
  const path = join(folder, 'fifo');
  createFifo(path);
  const [receiver, sender] = await Promise.all([readFifo(path, { end: 'never' }), writeFifo(path)]);
  rmSync(folder, { recursive: true });
  return { receiver, sender };
}

test.each<[string, () => PipeHalves | Promise<PipeHalves>]>([
  ['pipe, frames', () => pipe()],
  ['pipe, lines', () => pipe({ format: 'lines' })],
  ['pipe, bytes', () => pipe({ format: 'bytes' })],
  ['packetPipe', () => packetPipe()],
  ['openFifoSender', namedFifo],
  ['writeFifo', fifoAtPath],
])('%s: an idle sender is over when its reader closes', async (_, create) => {
  const { sender, receiver } = await create();
  await sender.send(pattern(8));
  await receiver.receive();
  await receiver.close();
  expect(await sender.closed).toMatchObject(gone);
  expect(() => sender.trySend(pattern(1))).toThrow(expect.objectContaining(gone));
  await sender.close();
});

test('a sender that waits for room is over too', async () => {
  const { sender, receiver } = pipe({ format: 'bytes' });
  while (sender.trySend(pattern(60_000)));
  const waiting = expect(sender.send(pattern(60_000))).rejects.toMatchObject(gone);
  const flushing = expect(sender.flush()).rejects.toMatchObject(gone);
  await receiver.close();
  await Promise.all([waiting, flushing]);
  await sender.close();
});

test('so is one whose reader is killed, in another process', async () => {
  await using child = await spawnChild('sleep', ['1000'], {
    channels: { input: { direction: 'to-child', fd: 0 } },
  });
  const input: Sender = child.channels.input;
  await child.kill('SIGKILL');
  expect(await input.closed).toMatchObject(gone);
});

test('an idle sender does not keep its process alive, one that waits for room does', () => {
  const run = (then: string): string =>
    execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { readSync } from 'node:fs';
         import { openPipe } from ${JSON.stringify(import.meta.resolve('@ipc/pipe'))};
         const { reader, writer } = openPipe();
         const sender = writer.sender({ format: 'bytes' });
         ${then}`,
      ],
      { encoding: 'utf8', timeout: 60_000 },
    );
  const take =
    'setTimeout(() => { while (reader.bytesPending > 0) readSync(reader.fd, Buffer.alloc(1 << 20)); }, 20).unref()';
  expect(run('await sender.send(Buffer.from("one")); await sender.flush();')).toBe('');
  expect(
    run(
      `while (sender.trySend(Buffer.alloc(60_000))); ${take}; await sender.flush(); console.log('flushed');`,
    ),
  ).toBe('flushed\n');
});
