import { constants } from 'node:fs';
import { join } from 'node:path';
import { expect, test, onTestFinished } from 'vitest';
import { DescriptorStream, close, duplicate, open, pipe, socketPair } from '@ipc/native';
import { deferred, expectNoLeaks, temporaryFolder, thrownBy } from './support.ts';

expectNoLeaks();

/** Two streams that are each other's peer. */
function connected(kind: 'pipe' | 'socket'): [DescriptorStream, DescriptorStream] {
  const streams = ((): [DescriptorStream, DescriptorStream] => {
    if (kind === 'socket') {
      const [a, b] = socketPair('stream');
      return [new DescriptorStream(a, a), new DescriptorStream(b, b)];
    }
    const [there, back] = [pipe(), pipe()];
    return [new DescriptorStream(back[0], there[1]), new DescriptorStream(there[0], back[1])];
  })();
  onTestFinished(() => {
    for (const stream of streams) stream.close();
  });
  return streams;
}

/** What `onReady` tells next, when it is asked for. */
function ready(stream: DescriptorStream, readable: boolean, writable: boolean): Promise<[boolean, boolean]> {
  const { promise, resolve } = deferred<[boolean, boolean]>();
  stream.onReady = (...told) => {
    stream.want(false, false);
    resolve([told[0], told[1]]);
  };
  stream.want(readable, writable);
  return promise;
}

const target = new Uint8Array(1 << 16);
const message = new TextEncoder().encode('message');

test.each(['pipe', 'socket'] as const)(
  '%s: carries bytes both ways and tells what is wanted',
  async (kind) => {
    const [a, b] = connected(kind);
    expect(a.read(target, 0, 10)).toBe(-1);
    expect(await ready(a, true, true)).toEqual([false, true]);
    expect(a.write(message, 0, 7)).toBe(7);
    expect(await ready(b, true, false)).toEqual([true, false]);
    expect(b.read(target, 0, 100)).toBe(7);
    expect(b.write(message, 0, 3)).toBe(3);
    expect(await ready(a, true, false)).toEqual([true, false]);
    expect(a.read(target, 0, 100)).toBe(3);
  },
);

test.each(['pipe', 'socket'] as const)('%s: writes a head and a body at once', (kind) => {
  const [a, b] = connected(kind);
  expect(a.writePair(new TextEncoder().encode('head...'), 4, message)).toBe(11);
  expect(a.writePair(message, 7, message)).toBe(14);
  expect(b.read(target, 0, 100)).toBe(25);
  expect(Buffer.from(target.subarray(0, 25)).toString()).toBe('headmessagemessagemessage');
});

test.each(['pipe', 'socket'] as const)('%s: waits for room', async (kind) => {
  const [a, b] = connected(kind);
  while (a.write(target, 0, target.length) !== -1);
  const room = ready(a, false, true);
  while (b.read(target, 0, target.length) !== -1);
  expect(await room).toEqual([false, true]);
  expect(a.write(message, 0, 7)).toBe(7);
});

test.each(['pipe', 'socket'] as const)('%s: the end of one direction leaves the other', async (kind) => {
  const [a, b] = connected(kind);
  a.write(message, 0, 7);
  a.shutdownWrite();
  a.shutdownWrite();
  expect(() => a.write(message, 0, 7)).toThrow(RangeError);
  expect(await ready(b, true, false)).toEqual([true, false]);
  expect(b.read(target, 0, 100)).toBe(7);
  expect(await ready(b, true, false)).toEqual([true, false]);
  expect(b.read(target, 0, 100)).toBe(0);
  expect(b.write(message, 0, 7)).toBe(7);
  expect(await ready(a, true, true)).toMatchObject([true, expect.any(Boolean)]);
  expect(a.read(target, 0, 100)).toBe(7);
});

test.each(['pipe', 'socket'] as const)(
  '%s: a peer that is gone is told to reader and writer',
  async (kind) => {
    const [a, b] = connected(kind);
    b.close();
    expect((await ready(a, true, false))[0]).toBe(true);
    expect(a.read(target, 0, 100)).toBe(0);
    expect((await ready(a, false, true))[1]).toBe(true);
    expect(thrownBy(() => a.write(message, 0, 7))).toMatchObject({ code: 'EPIPE' });
  },
);

test.each(['pipe', 'socket'] as const)(
  '%s: an interest that stands is told again, failures included',
  async (kind) => {
    const [a, b] = connected(kind);
    b.close();
    const third = deferred();
    let calls = 0;
    a.onReady = () => {
      if (++calls === 3) third.resolve();
    };
    a.want(false, true);
    await third.promise;
    expect(thrownBy(() => a.write(message, 0, 7))).toMatchObject({ code: 'EPIPE' });
  },
);

test('what was unread when a socket was closed is reset, after all that was sent', async () => {
  const [a, b] = connected('socket');
  a.write(message, 0, 7);
  b.write(message, 0, 7);
  b.close();
  expect((await ready(a, true, false))[0]).toBe(true);
  expect(a.read(target, 0, 100)).toBe(7);
  expect((await ready(a, true, false))[0]).toBe(true);
  expect(thrownBy(() => a.read(target, 0, 100))).toMatchObject({ code: 'ECONNRESET' });
});

test('closes its fds once, from a callback too, and is silent after that', async () => {
  const [a, b] = connected('pipe');
  const called = deferred();
  let calls = 0;
  a.onReady = () => {
    calls++;
    a.close();
    a.close();
    called.resolve();
  };
  a.want(true, true);
  await called.promise;
  b.write(message, 0, 0);
  a.want(true, true);
  a.ref();
  a.unref();
  await new Promise(setImmediate);
  expect(calls).toBe(1);
  expect(() => a.read(target, 0, 1)).toThrow(RangeError);
});

test('one direction is enough', async () => {
  const [readFd, writeFd] = pipe();
  const reader = new DescriptorStream(readFd, -1);
  const writer = new DescriptorStream(-1, writeFd);
  expect(() => writer.read(target, 0, 1)).toThrow(RangeError);
  expect(() => reader.write(target, 0, 1)).toThrow(RangeError);
  reader.want(false, true); // of the fd that is absent: ignored
  expect(await ready(writer, true, true)).toEqual([false, true]);
  writer.write(message, 0, 7);
  expect(await ready(reader, true, true)).toEqual([true, false]);
  writer.close();
  reader.close();
});

test('refuses a regular file, and leaves the fds to the caller', () => {
  const file = open(join(temporaryFolder(), 'file'), constants.O_RDWR | constants.O_CREAT, 0o600);
  const [readFd, writeFd] = pipe();
  expect(thrownBy(() => new DescriptorStream(readFd, file))).toMatchObject({ code: 'EPERM' });
  for (const fd of [file, readFd, writeFd]) {
    close(duplicate(fd));
    close(fd);
  }
});

test('a pipe that is only written tells that its reader has gone, while nothing is wanted, once', async () => {
  const [readFd, writeFd] = pipe();
  const writer = new DescriptorStream(-1, writeFd);
  const told: unknown[][] = [];
  const first = deferred();
  writer.onReady = (...what) => {
    told.push(what);
    first.resolve();
  };
  writer.want(false, true);
  writer.want(false, false);
  await new Promise(setImmediate);
  expect(told).toEqual([]);
  close(readFd);
  await first.promise;
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  expect(told).toEqual([[true, true, true]]);
  writer.close();
});
