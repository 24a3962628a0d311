import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { activatedSockets, adoptChannel, adoptListener, passableSocket, unix } from '@ipc/socket';
import * as native from '@ipc/native';
import { expectBytes, noLeaks, pattern } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const worker = fileURLToPath(new URL('../dist-test/workers/adopted-echo.js', import.meta.url));

test.each(['stream', 'seqpacket'] as const)('a %s socket pair reaches a child', async (type) => {
  const { channel, descriptor } = passableSocket({ type });
  const child = spawn(process.execPath, [worker, type, '3'], {
    stdio: ['ignore', 'inherit', 'inherit', descriptor],
  });
  native.close(descriptor);
  for (let n = 0; n < 100; n++) {
    await channel.send(pattern(n * 10, n));
    expectBytes(await channel.receive(), pattern(n * 10, n));
  }
  await channel.close();
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a program that is no worker of ours has blocking ends, and its end is an end', async () => {
  const { channel, descriptor } = passableSocket();
  const child = spawn('cat', { stdio: [descriptor, descriptor, 'inherit'] });
  native.close(descriptor);
  await channel.send(pattern(1000)); // `cat` knows nothing of frames and sends them back as they came
  expectBytes(await channel.receive(), pattern(1000));
  child.kill('SIGKILL');
  await expect(channel.receive()).rejects.toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
  await channel.close();
});

test('listening sockets are passed as systemd does (LISTEN_FDS)', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ipc-activation-'));
  const fds = ['first', 'second'].map((name) => {
    const fd = native.socket('stream');
    native.bind(fd, join(directory, name));
    native.listen(fd, 4);
    return fd;
  });
  // `exec` keeps the pid, as a service manager knows it before the program starts.
  const script = `LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=first: exec "$0" "$1" activated`;
  const child = spawn('sh', ['-c', script, process.execPath, worker], {
    stdio: ['ignore', 'inherit', 'inherit', ...fds],
  });
  fds.forEach((fd) => {
    native.close(fd);
  });
  const transport = unix({ namespace: { directory } });
  for (const [path, name] of [
    ['first', 'first'],
    ['second', 'unknown'],
  ] as const) {
    const channel = await transport.connect(path);
    await channel.send(Buffer.from('to '));
    expect(Buffer.from((await channel.receive()) ?? []).toString()).toBe(`to ${name}`);
    await channel.close();
  }
  expect(await once(child, 'exit')).toEqual([0, null]);
  rmSync(directory, { recursive: true });
});

test('what is no socket is refused, and stays the caller\u2019s', () => {
  const fd = openSync('/dev/null', 'r');
  const mismatch = expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }) as Error;
  expect(() => adoptChannel(fd)).toThrow(mismatch);
  expect(() => adoptListener(fd, 'x')).toThrow(mismatch);
  closeSync(fd);
  expect(() => adoptChannel(fd)).toThrow(mismatch);
  expect(activatedSockets()).toEqual([]);
});

test('a malformed activation is ERR_IPC_CORRUPT', () => {
  process.env.LISTEN_PID = String(process.pid);
  process.env.LISTEN_FDS = 'many';
  expect(() => activatedSockets()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
  expect(process.env.LISTEN_FDS).toBeUndefined();
});
