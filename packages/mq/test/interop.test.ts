/** Both kinds of queue with a peer that knows nothing of this toolkit: Python calling the C library. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PosixQueue, SysvQueue, type Queue } from '@ipc/mq';
import { expectBytes, noLeaks, pattern, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

const peer = fileURLToPath(new URL('workers/queue-peer.py', import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;

/** Sends three messages to the Python peer, and expects them back reversed, with their priority where it has one. */
async function echo(
  outgoing: Queue,
  incoming: Queue,
  args: readonly string[],
  priority: number,
): Promise<void> {
  const python = spawn('python3', [peer, ...args], { stdio: 'inherit' });
  const exited = once(python, 'exit');
  try {
    for (const length of [1, 100, 1_024]) {
      await outgoing.send(pattern(length), { priority });
      const message = await incoming.receive({ signal: AbortSignal.timeout(10_000) });
      expectBytes(message.bytes, pattern(length).reverse());
      expect(message.priority).toBe(priority);
    }
    expect(await exited).toEqual([0, null]);
  } finally {
    python.kill('SIGKILL');
  }
}

describe.skipIf(!hasPython)('Python, both ways', { timeout: 20_000 }, () => {
  test('mq_open', async () => {
    const size = { maxMessages: 4, maxMessageBytes: 8_192 };
    using there = PosixQueue.create(`/${uniqueName('there')}`, size);
    using back = PosixQueue.create(`/${uniqueName('back')}`, size);
    try {
      await echo(there, back, ['posix', there.name ?? '', back.name ?? ''], 11);
    } finally {
      there.unlink();
      back.unlink();
    }
  });

  test('msgget', async () => {
    const name = uniqueName('sysv');
    using there = SysvQueue.create(name, { type: 5 });
    using back = SysvQueue.open(name, { select: 32_768 });
    try {
      await echo(there, back, ['sysv', String(SysvQueue.keyOf(name)), '5', '32768'], 0);
    } finally {
      there.unlink();
    }
  });
});
