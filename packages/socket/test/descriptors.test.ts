import { closeSync, fstatSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dialUnix, seqpacket, takeDescriptors, tcp, unix, withDescriptors } from '@ipc/socket';
import type { Channel } from '@ipc/core';
import * as native from '@ipc/native';
import { connectedPair, expectBytes, noLeaks, pattern, resources, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

const bytes = (n: number): Uint8Array => Uint8Array.of(n);

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

describe.each([
  ['seqpacket', seqpacket],
  ['unix', unix],
] as const)('%s', (_, transport) => {
  test('files, memfds, sockets and pipe ends move with their message, in order, close-on-exec', async () => {
    await using ends = await connectedPair(transport({ maxDescriptors: 4 }));
    const path = join(tmpdir(), `ipc-descriptors-${process.pid}`);
    writeFileSync(path, 'of the file');
    const [readEnd, writeEnd] = native.pipe();
    const [near, far] = native.socketPair('stream');
    const sent = [[openSync(path, 'r')], [], [readEnd, writeEnd], [near, far, native.memfdCreate('passed')]];
    for (const [n, fds] of sent.entries()) await ends.a.send(withDescriptors(bytes(n), fds));

    const received: number[][] = [];
    for (let n = 0; n < sent.length; n++) {
      const message = await ends.b.receive();
      expect(message).toEqual(bytes(n));
      received.push([...takeDescriptors(message ?? bytes(0))]);
      expect(takeDescriptors(message ?? bytes(0))).toEqual([]);
    }
    expect(received.map((fds) => fds.length)).toEqual([1, 0, 2, 3]);
    expect(readFileSync(received[0]?.[0] ?? -1, 'utf8')).toBe('of the file');
    expect(native.write(received[2]?.[1] ?? -1, bytes(7), 0, 1)).toBe(1);
    const target = new Uint8Array(1);
    expect(native.read(received[2]?.[0] ?? -1, target, 0, 1)).toBe(1);
    expect(target).toEqual(bytes(7));
    expect(readlinkSync(`/proc/self/fd/${String(received[3]?.[2])}`)).toContain('memfd:passed');
    for (const fd of received.flat()) {
      expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/flags:\s+02/); // O_CLOEXEC
      closeSync(fd);
    }
    rmSync(path);
  });

  test('a sent descriptor is closed here, one that was not accepted stays open', async () => {
    await using ends = await connectedPair(transport({ maxDescriptors: 4 }));
    const moved = native.eventfd(0);
    await ends.a.send(withDescriptors(bytes(1), [moved]));
    expect(isOpen(moved)).toBe(false);
    takeDescriptors((await ends.b.receive()) ?? bytes(0)).forEach(closeSync);

    const kept = native.eventfd(0);
    const closed = native.eventfd(0);
    closeSync(closed);
    await expect(ends.a.send(withDescriptors(bytes(2), [kept, closed]))).rejects.toMatchObject({
      context: { syscall: 'sendmsg' },
    });
    expect(isOpen(kept)).toBe(true);
    closeSync(kept);
    await ends.a.send(bytes(3));
    expect(await ends.b.receive()).toEqual(bytes(3)); // none of the failed message has arrived
  });

  test('more descriptors than the receiver accepts end the channel and leak nothing', async () => {
    for (const accepts of [0, 1, 3]) {
      const before = resources().filter((resource) => resource.startsWith('fd')).length;
      {
        const a = transport({ maxDescriptors: 8 });
        const b = transport({ maxDescriptors: accepts });
        await using listener = await b.listen(uniqueName('truncated'));
        const [far, near] = await Promise.all([listener.accept(), a.connect(listener.name)]);
        await near.send(
          withDescriptors(
            bytes(1),
            Array.from({ length: 4 }, () => native.eventfd(0)),
          ),
        );
        await expect(far.receive()).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
        await Promise.all([near.close(), far.close()]);
      }
      expect(resources().filter((resource) => resource.startsWith('fd'))).toHaveLength(before);
    }
  });

  test('descriptors of messages nobody receives are closed with the channel', async () => {
    await using ends = await connectedPair(transport({ maxDescriptors: 4 }));
    for (let n = 0; n < 8; n++) await ends.a.send(withDescriptors(bytes(n), [native.eventfd(0)]));
  });
});

test('in a stream each goes to the message whose bytes brought it, whatever is before and behind', async () => {
  await using ends = await connectedPair(unix({ maxDescriptors: 2 }));
  const lengths = [0, 70_000, 3, 200_000, 1, 65_532];
  const messages = Array.from({ length: 60 }, (_, n) => {
    const message = pattern((lengths[n % lengths.length] ?? 0) + 1, n);
    const fds = Array.from({ length: n % 3 }, (_, k) => native.memfdCreate(`of-${n}-${k}`));
    return fds.length === 0 ? message : withDescriptors(message, fds);
  });
  const sending = ends.a.sendMany(messages);
  let n = 0;
  const take = (message: Uint8Array): void => {
    expectBytes(message, messages[n] ?? bytes(0));
    const fds = takeDescriptors(message);
    const names = fds.map((fd) => readlinkSync(`/proc/self/fd/${fd}`).replace(/^.*memfd:(\S+).*$/, '$1'));
    expect(names).toEqual(Array.from({ length: n % 3 }, (_, k) => `of-${n}-${k}`));
    fds.forEach(closeSync);
    n++;
  };
  while (n < messages.length) {
    if (n % 2 === 0) ends.b.drain(take, 1 + (n % 3));
    const message = ends.b.tryReceive() ?? (n < messages.length ? await ends.b.receive() : undefined);
    if (message !== undefined) take(message);
  }
  await sending;
});

/** A raw socket that is connected to a channel. */
async function rawPeer(maxDescriptors: number): Promise<AsyncDisposable & { fd: number; far: Channel }> {
  const listener = await unix({ maxDescriptors }).listen(uniqueName('raw'));
  const fd = await dialUnix(listener.name);
  const far = await listener.accept();
  await listener.close();
  return {
    fd,
    far,
    [Symbol.asyncDispose]: async () => {
      native.close(fd);
      await far.close();
    },
  };
}

function sendRaw(fd: number, hex: string, descriptors: number): void {
  const fds = Array.from({ length: descriptors }, () => native.eventfd(0));
  const raw = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  native.sendMessage(fd, raw, 0, raw.length, fds);
  fds.forEach((each) => {
    native.close(each);
  });
}

interface Damage {
  readonly what: string;
  readonly sends: readonly (readonly [hex: string, descriptors: number])[];
}

const damages: readonly Damage[] = [
  { what: 'fewer than announced', sends: [['03feffff 01000000 2a', 2]] },
  { what: 'more than announced', sends: [['01feffff 01000000 2a', 2]] },
  { what: 'announced and not sent', sends: [['01feffff 01000000 2a', 0]] },
  {
    what: 'sent with no word',
    sends: [
      ['01000000 2a', 1],
      ['01000000 2b', 1],
      ['01000000 2c', 1],
      ['01feffff 00000000', 1],
    ],
  },
  {
    what: 'announced twice for one message',
    sends: [
      ['01feffff', 1],
      ['01feffff 00000000', 1],
    ],
  },
];

test.each(damages)('descriptors $what are damage, and none stays open', async ({ sends }) => {
  await using peer = await rawPeer(4);
  for (const [hex, descriptors] of sends) sendRaw(peer.fd, hex, descriptors);
  const receiving = (async () => {
    for await (const message of peer.far) expect(takeDescriptors(message)).toEqual([]);
  })();
  await expect(receiving).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
});

test('a flood of descriptors without a message is cut short, whole or byte by byte', async () => {
  await using peer = await rawPeer(253);
  await expect(
    (async () => {
      const receiving = peer.far.receive();
      for (let n = 0; n < 100; n++) sendRaw(peer.fd, '00', 200);
      await receiving;
    })(),
  ).rejects.toMatchObject({ code: expect.stringMatching(/CORRUPT|PEER_GONE/) as string });
});

test('what comes while a closed channel still flushes is closed', async () => {
  await using peer = await rawPeer(4);
  const before = resources().filter((resource) => resource.startsWith('fd')).length;
  while (peer.far.trySend(pattern(60_000)));
  const closing = peer.far.close();
  for (let n = 0; n < 20; n++) sendRaw(peer.fd, '01feffff 01000000 2a', 1);
  const scratch = new Uint8Array(1 << 16);
  const drained = (async () => {
    while (native.read(peer.fd, scratch, 0, scratch.length) !== 0) await new Promise(setImmediate);
  })().catch((error: unknown) => {
    expect(error).toMatchObject({ code: 'ECONNRESET' }); // it closed with something unread
  });
  await Promise.all([closing, drained]);
  expect(resources().filter((resource) => resource.startsWith('fd')).length).toBeLessThanOrEqual(before);
});

test('tcp says that it carries none, and the descriptor stays with its caller', async () => {
  await using ends = await connectedPair(tcp());
  const kept = native.eventfd(0);
  await expect(ends.a.send(withDescriptors(bytes(1), [kept]))).rejects.toMatchObject({
    code: 'ERR_IPC_UNSUPPORTED',
  });
  expect(isOpen(kept)).toBe(true);
  closeSync(kept);
  await ends.a.send(bytes(2));
  expect(await ends.b.receive()).toEqual(bytes(2));
});

test('what cannot be sent is refused at once', () => {
  expect(() => withDescriptors(bytes(1), [-1])).toThrow(RangeError);
  expect(() => withDescriptors(bytes(1), [1.5])).toThrow(RangeError);
  expect(() => withDescriptors(bytes(1), new Array<number>(254).fill(0))).toThrow(RangeError);
  expect(() => seqpacket({ maxDescriptors: 254 })).toThrow(RangeError);
  expect(() => unix({ maxDescriptors: 1.5 })).toThrow(RangeError);
});
