/** With programs nobody here wrote, where they are installed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Socket } from 'node:net';
import { isIpcError, pathOf } from '@ipc/core';
import { dialUnix, rawSocket, serveUnix, unix } from '@ipc/socket';
import { expectBytes, noLeaks, pattern, testWith, testWithPython, uniqueName } from '@ipc/testkit';
import { afterAll, expect } from 'vitest';

noLeaks();

const directory = mkdtempSync(join(tmpdir(), 'ipc-interop-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});
const transport = unix({ namespace: { directory } });

/** Connects as soon as somebody listens. */
async function soon<T>(connect: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await connect();
    } catch (error) {
      if (!isIpcError(error, 'ERR_IPC_NOT_FOUND')) throw error;
      await delay(5);
    }
  }
}

testWith('nc', 'nc -U sends frames, and shows those it gets', async () => {
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

testWithPython('a server in Python answers whom we connect', async (python) => {
  const path = join(directory, 'python');
  const child = spawn(python, ['-c', server, path], { stdio: 'inherit' });
  const exited = once(child, 'exit');
  const channel = await soon(() => transport.connect('python'));
  for (const length of [0, 1, 70_000]) {
    await channel.send(pattern(length));
    expectBytes(await channel.receive(), pattern(length).reverse());
  }
  await channel.close();
  expect(await exited).toEqual([0, null]);
});

testWith('systemd-socket-activate', 'systemd starts a listener with its socket', async () => {
  const worker = fileURLToPath(new URL('../dist-test/workers/adopted-echo.js', import.meta.url));
  const path = join(directory, 'activated');
  const child = spawn(
    'systemd-socket-activate',
    [`--listen=${path}`, '--fdname=by-systemd', process.execPath, worker, 'activated'],
    { stdio: ['ignore', 'inherit', 'ignore'] },
  );
  const exited = once(child, 'exit');
  const channel = await soon(() => transport.connect('activated'));
  await channel.send(Buffer.from('to '));
  expect(Buffer.from((await channel.receive()) ?? []).toString()).toBe('to by-systemd');
  await channel.close();
  expect(await exited).toEqual([0, null]);
});

/** One message of Python's `multiprocessing.connection`: its length, 32 bits with the highest byte first, and its bytes. */
function sendTo(socket: Socket, message: Uint8Array): void {
  const head = Buffer.alloc(4);
  head.writeInt32BE(message.length);
  socket.write(head);
  socket.write(message);
}

async function* messagesFrom(socket: Socket): AsyncGenerator<Uint8Array, undefined> {
  let come = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    come = Buffer.concat([come, chunk]);
    while (come.length >= 4 && come.length >= 4 + come.readInt32BE()) {
      const end = 4 + come.readInt32BE();
      yield come.subarray(4, end);
      come = come.subarray(end);
    }
  }
}

/** Sends a few messages, has each answered backwards, and closes. */
async function askForReversal(socket: Socket): Promise<void> {
  const answers = messagesFrom(socket);
  for (const length of [0, 1, 16_000, 300_000]) {
    sendTo(socket, pattern(length));
    expectBytes((await answers.next()).value, pattern(length).reverse());
  }
  socket.end();
}

const reversing = `
import sys
from multiprocessing.connection import Client, Listener
role, path = sys.argv[1:]
connection = Listener(path, 'AF_UNIX').accept() if role == 'listen' else Client(path, 'AF_UNIX')
try:
    while True: connection.send_bytes(connection.recv_bytes()[::-1])
except EOFError: pass
`;

testWithPython('a Listener of multiprocessing.connection answers whom we connect', async (python) => {
  const path = join(directory, 'mp-listen');
  const child = spawn(python, ['-c', reversing, 'listen', path], { stdio: 'inherit' });
  const exited = once(child, 'exit');
  await askForReversal(rawSocket(await soon(() => dialUnix('mp-listen', { namespace: { directory } }))));
  expect(await exited).toEqual([0, null]);
});

testWithPython('a Client of multiprocessing.connection is answered by us', async (python) => {
  let asked: Promise<void> | undefined;
  const server = await serveUnix('mp-connect', {
    namespace: { directory },
    onConnection: (fd) => {
      asked = askForReversal(rawSocket(fd));
    },
  });
  const child = spawn(python, ['-c', reversing, 'connect', join(directory, 'mp-connect')], {
    stdio: 'inherit',
  });
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(asked).toBeDefined();
  await asked;
  await server.close();
});
