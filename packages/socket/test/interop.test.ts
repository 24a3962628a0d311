/** With programs nobody here wrote, where they are installed. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isIpcError, pathOf, type Channel } from '@ipc/core';
import { unix } from '@ipc/socket';
import { expectBytes, noLeaks, pattern, python, uniqueName } from '@ipc/testkit';
import { afterAll, expect, test } from 'vitest';

noLeaks();

const has = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const directory = mkdtempSync(join(tmpdir(), 'ipc-interop-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});
const transport = unix({ namespace: { directory } });

/** Connects as soon as somebody listens. */
async function connectSoon(path: string): Promise<Channel> {
  for (;;) {
    try {
      return await transport.connect(path);
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_NOT_FOUND')) throw error;
      await delay(5);
    }
  }
}

test.runIf(has('nc'))('nc -U sends frames, and shows those it gets', async () => {
  await using listener = await unix().listen(uniqueName('nc'));
  const nc = spawn('nc', ['-N', '-U', pathOf(listener.name, 'sock')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(nc, 'exit');
  await using channel = await listener.accept();
  const frames: Buffer[] = [];
  for (const length of [0, 1, 100_000]) {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(length);
    frames.push(head, Buffer.from(pattern(length)));
  }
  nc.stdin.write(Buffer.concat(frames));
  for (const length of [0, 1, 100_000]) expectBytes(await channel.receive(), pattern(length));
  await channel.send(pattern(5));
  expect((await once(nc.stdout, 'data'))[0]).toEqual(Buffer.concat([Buffer.of(5, 0, 0, 0), pattern(5)]));
  nc.stdin.end(Buffer.of(255, 255, 255, 255)); // the goodbye
  expect(await channel.receive()).toBeUndefined();
  await channel.close();
  await exited;
});

const server = `
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
f = s.accept()[0].makefile('rwb')
GOODBYE = 0xFFFFFFFF
while True:
    (length,) = struct.unpack('<I', f.read(4))
    if length == GOODBYE: break
    f.write(struct.pack('<I', length) + f.read(length)[::-1])
    f.flush()
`;

test.skipIf(python === undefined)('a server in Python answers whom we connect', async () => {
  const path = join(directory, 'python');
  const child = spawn(python ?? '', ['-c', server, path], { stdio: 'inherit' });
  const exited = once(child, 'exit');
  const channel = await connectSoon('python');
  for (const length of [0, 1, 70_000]) {
    await channel.send(pattern(length));
    expectBytes(await channel.receive(), pattern(length).reverse());
  }
  await channel.close();
  expect(await exited).toEqual([0, null]);
});

test.runIf(has('systemd-socket-activate'))('systemd starts a listener with its socket', async () => {
  const worker = fileURLToPath(new URL('../dist-test/workers/adopted-echo.js', import.meta.url));
  const path = join(directory, 'activated');
  const child = spawn(
    'systemd-socket-activate',
    [`--listen=${path}`, '--fdname=by-systemd', process.execPath, worker, 'activated'],
    { stdio: ['ignore', 'inherit', 'ignore'] },
  );
  const exited = once(child, 'exit');
  const channel = await connectSoon('activated');
  await channel.send(Buffer.from('to '));
  expect(Buffer.from((await channel.receive()) ?? []).toString()).toBe('to by-systemd');
  await channel.close();
  expect(await exited).toEqual([0, null]);
});
