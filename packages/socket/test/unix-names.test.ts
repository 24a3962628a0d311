import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dialUnix, serveUnix, unix } from '@ipc/socket';
import * as native from '@ipc/native';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

noLeaks();

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ipc-names-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const peerFile = new URL('../dist-test/workers/unix-peer.js', import.meta.url);

test('the socket file has its mode whatever the umask, and only one file of it is seen', async () => {
  const umask = process.umask(0o077);
  try {
    await using listener = await unix({ namespace: { directory }, mode: 0o666 }).listen('mode');
    expect(lstatSync(join(directory, listener.name)).mode & 0o777).toBe(0o666);
    expect(readdirSync(directory).sort()).toEqual(['mode', 'mode.lock']);
  } finally {
    process.umask(umask);
  }
  expect(readdirSync(directory)).toEqual([]);
});

test('the socket file can belong to another user and group', async (context) => {
  context.skip(process.getuid?.() !== 0, 'only root gives files away');
  await using listener = await unix({ namespace: { directory }, uid: 65_534, gid: 65_533 }).listen('owned');
  const { uid, gid } = lstatSync(join(directory, listener.name));
  expect([uid, gid]).toEqual([65_534, 65_533]);
});

test('a path over 107 bytes is refused with its length, and never cut', async () => {
  const long = join(directory, 'd'.repeat(100));
  mkdirSync(long);
  const transport = unix({ namespace: { directory: long } });
  const limit = { code: 'ERR_IPC_LIMIT', message: expect.stringContaining('107') as string };
  await expect(transport.listen('name')).rejects.toMatchObject(limit);
  await expect(transport.connect('name')).rejects.toMatchObject(limit);
  expect(readdirSync(long)).toEqual([]);
  rmSync(long, { recursive: true });
});

test('bytes count, not characters', async () => {
  const wide = join(directory, '\u{1f600}'.repeat(25));
  await expect(unix({ namespace: { directory: wide } }).connect('name')).rejects.toMatchObject({
    code: 'ERR_IPC_LIMIT',
  });
});

test('a file that is no socket is never replaced', async () => {
  const path = join(directory, 'precious');
  writeFileSync(path, 'data');
  await expect(unix({ namespace: { directory } }).listen('precious')).rejects.toMatchObject({
    code: 'ERR_IPC_EXISTS',
  });
  expect(lstatSync(path).size).toBe(4);
  rmSync(path);
  symlinkSync('/dev/null', path);
  await expect(unix({ namespace: { directory } }).listen('precious')).rejects.toMatchObject({
    code: 'ERR_IPC_EXISTS',
  });
  rmSync(path);
  expect(readdirSync(directory)).toEqual([]);
});

test('a live server that knows nothing of our lock keeps its name; a dead one does not', async () => {
  const path = join(directory, 'foreign');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await expect(unix({ namespace: { directory } }).listen('foreign')).rejects.toMatchObject({
    code: 'ERR_IPC_EXISTS',
  });
  renameSync(path, `${path}-kept`); // what a killed server leaves: a socket file nobody listens on
  await new Promise((resolve) => server.close(resolve));
  const fd = native.socket('stream');
  native.bind(fd, path);
  native.close(fd);
  await using listener = await unix({ namespace: { directory } }).listen('foreign');
  expect(listener.name).toBe('foreign');
  rmSync(`${path}-kept`, { force: true });
});

test('closing removes the file only when it is still ours', async () => {
  const path = join(directory, 'moved');
  const listener = await unix({ namespace: { directory } }).listen('moved');
  rmSync(path);
  writeFileSync(path, 'of another');
  await listener.close();
  expect(existsSync(path)).toBe(true);
  rmSync(path);
});

test('of many starters exactly one gets the name', async () => {
  const name = uniqueName('race');
  const peers = await Promise.all(Array.from({ length: 4 }, () => spawnPeer(peerFile)));
  const outcomes = await Promise.allSettled(peers.map((peer) => peer.call('listen', name)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ERR_IPC_EXISTS' });
  }
  await Promise.all(peers.map((peer) => peer.kill()));
  await using listener = await unix().listen(name);
  expect(listener.name).toBe(name);
});

test('a missing or forbidden directory is a clear error, and nothing is left', async () => {
  const missing = join(directory, 'missing');
  await expect(unix({ namespace: { directory: missing } }).listen('x')).rejects.toMatchObject({
    code: 'ERR_IPC_NOT_FOUND',
    context: { syscall: 'open' },
  });
  expect(existsSync(missing)).toBe(false);
});

test('a directory that vanished under a listener does not keep it from closing', async () => {
  const vanishing = mkdtempSync(join(directory, 'v-'));
  const listener = await unix({ namespace: { directory: vanishing } }).listen('x');
  rmSync(vanishing, { recursive: true });
  await listener.close();
});

test('an abstract name is taken once, has no file, and is free again at once', async () => {
  const transport = unix({ namespace: 'abstract' });
  const name = uniqueName('abstract');
  await using listener = await transport.listen(name);
  await expect(transport.listen(name)).rejects.toMatchObject({ code: 'ERR_IPC_EXISTS' });
  const [near, far] = await Promise.all([transport.connect(name), listener.accept()]);
  await near.send(Uint8Array.of(1));
  expect(await far.receive()).toEqual(Uint8Array.of(1));
  await Promise.all([near.close(), far.close(), listener.close()]);
  await expect(transport.connect(name)).rejects.toMatchObject({ code: 'ERR_IPC_NOT_FOUND' });
});

test('a full backlog is waited for, until there is room or the signal aborts', async () => {
  const name = uniqueName('full');
  const accepted: number[] = [];
  await using server = Object.assign(
    await serveUnix(name, { backlog: 0, onConnection: (fd) => accepted.push(fd) }),
    {
      async [Symbol.asyncDispose]() {
        await server.close();
      },
    },
  );
  server.hold(true);
  const first = await dialUnix(name);
  await expect(dialUnix(name, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
  const waiting = dialUnix(name);
  server.hold(false);
  for (const fd of [first, await waiting]) native.close(fd);
  while (accepted.length < 2) await new Promise((resolve) => setImmediate(resolve));
  accepted.forEach((fd) => {
    native.close(fd);
  });
});

test('a socket one may not write to is ERR_IPC_PERMISSION', async (context) => {
  context.skip(process.getuid?.() !== 0, 'only root becomes another user');
  chmodSync(directory, 0o755);
  await using listener = await unix({ namespace: { directory }, mode: 0o600 }).listen('closed');
  expect(listener.name).toBe('closed');
  process.seteuid?.(65_534);
  try {
    await expect(unix({ namespace: { directory } }).connect('closed')).rejects.toMatchObject({
      code: 'ERR_IPC_PERMISSION',
    });
    await expect(unix({ namespace: { directory } }).listen('other')).rejects.toMatchObject({
      code: 'ERR_IPC_PERMISSION',
    });
  } finally {
    process.seteuid?.(0);
  }
});
