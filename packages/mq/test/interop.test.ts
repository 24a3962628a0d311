/** Both kinds of queue with peers that know nothing of this toolkit: C, and Python calling the C library. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PosixQueue, SysvQueue, type Queue } from '@ipc/mq';
import { expectBytes, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { afterAll, describe, expect, test } from 'vitest';

noLeaks();

const source = (file: string): string => fileURLToPath(new URL(`workers/${file}`, import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'ipc-mq-interop-'));
const program = join(directory, 'queue-peer');

/** How each peer is started, if it can be. */
const peers: Record<string, readonly string[] | undefined> = {
  Python: spawnSync('python3', ['--version']).status === 0 ? ['python3', source('queue-peer.py')] : undefined,
  C:
    spawnSync('cc', ['-O1', '-Wall', '-Werror', '-o', program, source('queue-peer.c'), '-lrt']).status === 0
      ? [program]
      : undefined,
};

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** Sends three messages to the peer, and expects them back reversed, with their priority where it has one. */
async function echo(
  [file = '', ...first]: readonly string[],
  outgoing: Queue,
  incoming: Queue,
  args: readonly string[],
  priority: number,
): Promise<void> {
  const peer = spawn(file, [...first, ...args], { stdio: 'inherit' });
  const exited = once(peer, 'exit');
  try {
    for (const length of [1, 100, 1_024]) {
      await outgoing.send(pattern(length), { priority });
      const message = await incoming.receive({ signal: AbortSignal.timeout(10_000) });
      expectBytes(message.bytes, pattern(length).reverse());
      expect(message.priority).toBe(priority);
    }
    expect(await exited).toEqual([0, null]);
  } finally {
    peer.kill('SIGKILL');
  }
}

describe.each(Object.entries(peers))('%s, both ways', { timeout: 20_000 }, (_, command) => {
  test('mq_open', async (context) => {
    context.skip(command === undefined, 'there is nothing to run the other program with');
    const size = { maxMessages: 4, maxMessageBytes: 8_192 };
    using there = PosixQueue.create(`/${uniqueName('there')}`, size);
    using back = PosixQueue.create(`/${uniqueName('back')}`, size);
    try {
      await echo(command ?? [], there, back, ['posix', there.name ?? '', back.name ?? ''], 11);
    } finally {
      there.unlink();
      back.unlink();
    }
  });

  test('msgget', async (context) => {
    context.skip(command === undefined, 'there is nothing to run the other program with');
    const name = uniqueName('sysv');
    using there = SysvQueue.create(name, { type: 5 });
    using back = SysvQueue.open(name, { select: 32_768 });
    try {
      await echo(command ?? [], there, back, ['sysv', String(SysvQueue.keyOf(name)), '5', '32768'], 0);
    } finally {
      there.unlink();
    }
  });
});
