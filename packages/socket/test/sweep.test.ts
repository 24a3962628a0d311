/** What killed processes leave is swept away; what lives is not touched. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pathOf } from '@ipc/core';
import * as native from '@ipc/native';
import { openDatagramReceiver, sweepRuntimeDirectory, tcp, unix } from '@ipc/socket';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

noLeaks();

const peerFile = (kind: string): URL => new URL(`../dist-test/workers/${kind}-peer.js`, import.meta.url);

/** A runtime directory for this file alone, so that what other tests have left does not matter. */
const directory = mkdtempSync(join(tmpdir(), 'ipc-sweep-'));
const given = process.env.XDG_RUNTIME_DIR;
beforeAll(() => {
  process.env.XDG_RUNTIME_DIR = directory;
});
afterAll(() => {
  if (given === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = given;
  rmSync(directory, { recursive: true });
});

test('C7 after many listeners were killed, the next listen leaves nothing of them', async () => {
  const worker = fileURLToPath(new URL('../dist-test/workers/listen-and-wait.js', import.meta.url));
  const cycles = 25; // names each
  for (let round = 0; round < 8; round++) {
    const child = spawn(process.execPath, [worker, uniqueName('killed'), String(cycles)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill(round % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    await once(child, 'exit');
    expect(readdirSync(directory).length).toBeGreaterThanOrEqual(2 * cycles);
    if (round < 7) continue;
    // In a process of its own: one that has just swept does so again only a little later.
    const next = await spawnPeer(peerFile('unix'));
    const name = uniqueName('next');
    await next.call('listen', name);
    expect(readdirSync(directory).sort()).toEqual([`ipc-${name}.sock`, `ipc-${name}.sock.lock`]);
    await next.kill();
  }
  expect(sweepRuntimeDirectory()).toHaveLength(2);
  expect(readdirSync(directory)).toEqual([]);
}, 60_000);

test('what lives stays: sockets of every type, published ports, a socket somebody has inherited', async () => {
  await using listener = await unix().listen(uniqueName('alive'));
  await using port = await tcp().listen(uniqueName('alive'));
  await using receiver = openDatagramReceiver(uniqueName('alive'));
  const inherited = uniqueName('inherited');
  const fd = native.socket('stream');
  native.bind(fd, pathOf(inherited, 'sock'));
  native.listen(fd, 1);
  writeFileSync(`${pathOf(inherited, 'sock')}.lock`, ''); // whoever bound it is dead
  const before = readdirSync(directory).sort();
  expect(before).toHaveLength(8);
  expect(sweepRuntimeDirectory()).toEqual([]);
  expect(readdirSync(directory).sort()).toEqual(before);
  native.close(fd);
  expect(sweepRuntimeDirectory()).toHaveLength(2);
  expect([listener, port, receiver].length + readdirSync(directory).length).toBe(3 + 6);
});

test('FIFOs go with the lock of their name, files of other origin stay', () => {
  const kept = ['ipc-a.sock', 'ipc-b.there.fifo', 'ipc-b.there.fifo.lock', 'notes.lock', 'ipc-d.lock'];
  const left = [
    'ipc-b.back.fifo',
    'ipc-b.fifo.lock',
    'ipc-c.fifo.new',
    'ipc-c.fifo.lock',
    'ipc-e.x.tcp.lock',
  ];
  for (const name of [...kept, ...left]) writeFileSync(join(directory, name), '');
  const holder = native.claimPath(join(directory, 'ipc-b.there.fifo.lock'));
  expect(sweepRuntimeDirectory().sort()).toEqual(left.map((name) => join(directory, name)).sort());
  holder?.release({ keepFile: true });
  for (const name of kept) {
    expect(existsSync(join(directory, name))).toBe(true);
    rmSync(join(directory, name));
  }
});
