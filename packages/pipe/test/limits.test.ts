import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namePrefix, noLeaks, resources } from '@ipc/testkit';
import { fifo, openFifoReceiver, openFifoSender, pipePair } from '@ipc/pipe';
import { expect, test } from 'vitest';

noLeaks();

const worker = fileURLToPath(new URL('../dist-test/workers/limits.js', import.meta.url));

test('X2 without descriptors every call fails with ERR_IPC_LIMIT, leaks nothing, and works again later', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ipc-limits-'));
  const command = `ulimit -n 64; exec ${process.execPath} ${worker} ${namePrefix}limits ${folder}`;
  const output = execFileSync('sh', ['-c', command], { encoding: 'utf8', timeout: 20_000 });
  expect(output.trim().split('\n')).toEqual(
    ['pipePair', 'spawnChild', 'fifo', 'openFifoReceiver', 'readFifo'].map(
      (name) => `${name} failed cleanly`,
    ),
  );
  rmSync(folder, { recursive: true });
}, 30_000);

test('L2 opening and closing, thousands of times, leaves nothing', async () => {
  const before = resources();
  for (let i = 0; i < 2_000; i++) {
    const [a, b] = pipePair();
    await a.send(Uint8Array.of(i));
    await b.receive();
    await Promise.all([a.close(), b.close()]);
  }
  for (let i = 0; i < 500; i++) {
    const listener = await fifo().listen(`${namePrefix}cycle`);
    const [b, a] = await Promise.all([listener.accept(), fifo().connect(listener.name)]);
    await Promise.all([a.close(), b.close(), listener.close()]);
    const receiver = await openFifoReceiver(`${namePrefix}cycle`);
    const sender = await openFifoSender(`${namePrefix}cycle`);
    await Promise.all([sender.close(), receiver.close()]);
  }
  expect(resources()).toEqual(before);
}, 30_000);
