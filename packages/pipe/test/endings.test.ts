/** C10: however a process or a thread ends in the middle of a call, its peer sees the end, and nothing is left. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { runtimeDirectory, type Channel } from '@ipc/core';
import { noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { fifo, openFifoReceiver, spawnChild, type ExitStatus } from '@ipc/pipe';
import { describe, expect, test } from 'vitest';

noLeaks();

const worker = fileURLToPath(new URL('../dist-test/workers/ending.js', import.meta.url));
const gone = { code: 'ERR_IPC_PEER_GONE' };

/** What the peer does when it is told, and how its process then ends. */
const endings: [string, ExitStatus][] = [
  ['exit', { code: 3, signal: null }],
  ['throw', { code: 1, signal: null }],
  ['reject', { code: 1, signal: null }],
  ['SIGTERM', { code: null, signal: 'SIGTERM' }],
  ['SIGKILL', { code: null, signal: 'SIGKILL' }],
];

/** Says how to end, then takes what was sent before it, until the peer is gone. */
async function endOf(channel: Channel, how: string): Promise<void> {
  await channel.receive(); // it sends and receives at once from here on
  await channel.send(Buffer.from(how));
  const draining = async (): Promise<void> => {
    while ((await channel.receive()) !== undefined);
  };
  await expect(draining()).rejects.toMatchObject(gone);
  await expect(channel.send(pattern(1))).rejects.toMatchObject(gone);
  expect(await channel.closed).toMatchObject(gone);
  await channel.close();
}

describe.each(endings)('a process that ends by %s', (how, status) => {
  test('inherited(): its parent sees it', async () => {
    await using child = await spawnChild(process.execPath, [worker, 'inherited'], { stdio: 'ignore' });
    await endOf(child.channel, how);
    expect(await child.exited).toEqual(status);
  });

  test('fifo(): its peer sees it, and no file is left', async () => {
    const listener = await fifo().listen(uniqueName('ending'));
    await using child = await spawnChild(process.execPath, [worker, 'fifo', listener.name], {
      channels: {},
      stdio: 'ignore',
    });
    const channel = await listener.accept();
    await endOf(channel, how);
    expect(await child.exited).toEqual(status);
    await listener.close();
    expect(readdirSync(runtimeDirectory()).filter((file) => file.includes(listener.name))).toEqual([]);
  });
});

test('a thread that is terminated in the middle of a call: its peer sees it, and the process goes on', async () => {
  for (let round = 0; round < 5; round++) {
    const listener = await fifo().listen(uniqueName('thread'));
    const thread = new Worker(worker, { argv: ['fifo', listener.name] });
    const channel = await listener.accept();
    await channel.receive();
    const [ended] = await Promise.all([once(thread, 'exit'), thread.terminate()]);
    expect(ended).toEqual([1]);
    const draining = async (): Promise<void> => {
      while ((await channel.receive()) !== undefined);
    };
    await expect(draining()).rejects.toMatchObject(gone);
    await channel.close();
    await listener.close();
  }
});

test('a receiver that is killed leaves a name that the next one takes over', async () => {
  const name = uniqueName('receiver');
  await using child = await spawnChild(process.execPath, [worker, 'receiver', name]);
  await child.channel.receive();
  await child.kill('SIGKILL');
  const receiver = await openFifoReceiver(name);
  await receiver.close();
  expect(readdirSync(runtimeDirectory()).filter((file) => file.includes(name))).toEqual([]);
});
