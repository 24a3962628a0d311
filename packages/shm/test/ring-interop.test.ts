/** Peers in C and Python, written from the document alone, exchange messages with `ring()`. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathOf, type Channel } from '@ipc/core';
import { ring } from '@ipc/shm';
import { expectBytes, noLeaks, pattern, python, uniqueName } from '@ipc/testkit';
import { afterAll, expect, onTestFinished, test } from 'vitest';

noLeaks();

const peers = join(import.meta.dirname, 'peers');
const folder = mkdtempSync(join(tmpdir(), 'ring-peer-'));
const program = join(folder, 'ring-peer');
const hasCompiler = spawnSync('cc', ['--version'], { stdio: 'ignore' }).status === 0;

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function start(
  command: string,
  ...args: readonly string[]
): { child: ChildProcess; output: Promise<string> } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  const output = new Promise<string>((resolve) => {
    child.on('close', () => {
      resolve(text);
    });
  });
  return { child, output };
}

/** More bytes than both rings hold, in sizes that make padding; so both sides wait for room and for messages. */
async function exchange(channel: Channel, maxMessageBytes: number): Promise<number> {
  const lengths = Array.from({ length: 3000 }, (_, n) => (n * 37) % 200);
  lengths.push(0, maxMessageBytes, 1, maxMessageBytes - 1);
  const sending = (async () => {
    for (const [seed, length] of lengths.entries()) await channel.send(pattern(length, seed));
  })();
  for (const [seed, length] of lengths.entries()) {
    expectBytes(await channel.receive(), pattern(length, seed));
  }
  await sending;
  await channel.send(new Uint8Array(1)); // one that finds the peer asleep
  expect((await channel.receive())?.length).toBe(1);
  return lengths.length + 1;
}

const connecting: [string, string[]][] = [];
if (hasCompiler) {
  execFileSync('cc', [
    '-std=c11',
    '-O2',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    program,
    join(peers, 'ring_peer.c'),
  ]);
  connecting.push(['C', [program]]);
}
if (python !== undefined) connecting.push(['Python', [python, join(peers, 'ring_peer.py'), 'connect']]);

test.each(connecting)('a %s peer connects to our listener', async (_, command) => {
  const name = uniqueName('ring');
  await using listener = await ring({ capacityBytes: 4096 }).listen(name);
  const [path, ...args] = command as [string, ...string[]];
  const { output } = start(path, ...args, pathOf(name, 'ring'));
  const channel = await listener.accept();
  const count = await exchange(channel, 4088);
  await channel.close();
  expect(await output).toBe(`echoed ${count} clean\n`);
});

test('we connect to a Python peer', async (context) => {
  context.skip(python === undefined, 'neither a C compiler nor Python 3');
  const name = uniqueName('ring');
  const args = [join(peers, 'ring_peer.py'), 'listen', pathOf(name, 'ring'), '4096'];
  const { child, output } = start(python as string, ...args);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const channel = await ring().connect(name);
  const count = await exchange(channel, 4088);
  await channel.close();
  expect(await output).toBe(`listening\nechoed ${count} clean\n`);
});

test('the death of such a peer is known at once', async (context) => {
  context.skip(connecting.length === 0, 'neither a C compiler nor Python 3');
  const name = uniqueName('ring');
  await using listener = await ring().listen(name);
  const [[, command] = ['', []]] = connecting;
  const [path, ...args] = command as [string, ...string[]];
  const { child } = start(path, ...args, pathOf(name, 'ring'));
  await using channel = await listener.accept();
  const received = channel.receive();
  child.kill('SIGKILL');
  await expect(received).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
});
