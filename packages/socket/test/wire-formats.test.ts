/** The bytes of the documents, spoken by peers that know nothing of this package. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { pathOf, type Channel } from '@ipc/core';
import { dialUnix, seqpacket, takeDescriptors, unix } from '@ipc/socket';
import * as native from '@ipc/native';
import { expectBytes, noLeaks, pattern, testWithPython, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

interface Vector {
  readonly what: string;
  readonly bytes: string;
  readonly packets: readonly string[];
  readonly messages: readonly string[];
  readonly end: string;
}

function vectors(file: string): Record<string, Vector[]> {
  const path = new URL(`../../../docs/wire-formats/${file}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, Vector[]>;
}

const unhex = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const limits = { maxMessageBytes: 16 };

/** What a receiver makes of it: the messages in hex, and how it ended. */
async function received(channel: Channel): Promise<Pick<Vector, 'messages' | 'end'>> {
  const messages: string[] = [];
  try {
    for await (const message of channel) messages.push(Buffer.from(message).toString('hex'));
    return { messages, end: 'clean' };
  } catch (error) {
    return { messages, end: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}

test.each(vectors('frame').streams ?? [])('frame.json: $what', async ({ bytes, messages, end }) => {
  await using listener = await unix(limits).listen(uniqueName('frame'));
  const foreign = connect(pathOf(listener.name, 'sock'));
  await using channel = await listener.accept();
  foreign.on('error', () => undefined).resume();
  foreign.end(unhex(bytes));
  expect(await received(channel)).toEqual({ messages, end });
  foreign.destroy();
});

test.each(vectors('packet').packets ?? [])('packet.json: $what', async ({ packets, messages, end }) => {
  await using listener = await seqpacket(limits).listen(uniqueName('packet'));
  const fd = await dialUnix(listener.name, { type: 'seqpacket' });
  await using channel = await listener.accept();
  for (const packet of packets) native.sendMessage(fd, unhex(packet), 0, unhex(packet).length);
  native.close(fd);
  expect(await received(channel)).toEqual({ messages, end });
});

test.each(['04', '002b'])(
  'packet %s behind an end is damage, though nobody receives any more',
  async (behind) => {
    await using listener = await seqpacket(limits).listen(uniqueName('packet'));
    const fd = await dialUnix(listener.name, { type: 'seqpacket' });
    await using channel = await listener.accept();
    for (const packet of ['04', behind]) native.sendMessage(fd, unhex(packet), 0, unhex(packet).length);
    expect(await channel.receive()).toBeUndefined();
    expect(await channel.closed).toMatchObject({ code: 'ERR_IPC_CORRUPT' });
    native.close(fd);
  },
);

const echo = `
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile('rwb')
GOODBYE, ASK, RECEIPT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
receipts = 0
while True:
    (length,) = struct.unpack('<I', f.read(4))
    if length == GOODBYE: break
    elif length == ASK: f.write(struct.pack('<I', RECEIPT))
    elif length == RECEIPT: receipts += 1
    else: f.write(struct.pack('<I', length) + f.read(length) + struct.pack('<I', ASK))
    f.flush()
sys.exit(0 if receipts == 4 else 1)
`;

testWithPython(
  'a Python program written from frame.md echoes, gives and gets receipts, and ends cleanly',
  async (python) => {
    await using listener = await unix().listen(uniqueName('python'));
    const child = spawn(python, ['-c', echo, pathOf(listener.name, 'sock')], { stdio: 'inherit' });
    const channel = await listener.accept();
    for (const length of [0, 1, 65_532, 1 << 20]) {
      await channel.send(pattern(length));
      expectBytes(await channel.receive(), pattern(length));
    }
    await channel.flush({ delivery: 'received' }); // and with that has answered what it was asked before
    await channel.close();
    expect(await once(child, 'exit')).toEqual([0, null]);
  },
);

const passing = `
import array, os, socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for n, text in enumerate((b'first', b'second')):
    fds = []
    for _ in range(n + 1):
        fd = os.memfd_create('passed')
        os.write(fd, text)
        fds.append(fd)
    s.sendall(struct.pack('<I', 1) + b'-')
    message = struct.pack('<II', 0xFFFFFE00 + len(fds), len(text)) + text
    sent = s.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))])
    s.sendall(message[sent:])
s.sendall(struct.pack('<I', 0xFFFFFFFF))
`;

testWithPython('a Python program written from frame.md passes descriptors', async (python) => {
  await using listener = await unix({ maxDescriptors: 2 }).listen(uniqueName('python'));
  const child = spawn(python, ['-c', passing, pathOf(listener.name, 'sock')], { stdio: 'inherit' });
  await using channel = await listener.accept();
  const got: [string, string[]][] = [];
  for await (const message of channel) {
    const fds = takeDescriptors(message);
    got.push([Buffer.from(message).toString(), fds.map((fd) => readFileSync(`/proc/self/fd/${fd}`, 'utf8'))]);
    fds.forEach(native.close);
  }
  expect(got).toEqual([
    ['-', []],
    ['first', ['first']],
    ['-', []],
    ['second', ['second', 'second']],
  ]);
  if (child.exitCode === null) await once(child, 'exit');
});
