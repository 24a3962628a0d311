import { closeSync, fstatSync, openSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seqpacket, takeDescriptors, withDescriptors } from '@ipc/socket';
import * as native from '@ipc/native';
import { connectedPair, noLeaks, resources } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const carrying = seqpacket({ maxDescriptors: 4 });
const bytes = (n: number): Uint8Array => Uint8Array.of(n);

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

test('files, memfds, sockets and pipe ends move with their message, in order, close-on-exec', async () => {
  await using ends = await connectedPair(carrying);
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
  await using ends = await connectedPair(carrying);
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
      const a = seqpacket({ maxDescriptors: 8 });
      const b = seqpacket({ maxDescriptors: accepts });
      await using listener = await b.listen(`truncated-${process.pid}`);
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
  await using ends = await connectedPair(carrying);
  for (let n = 0; n < 8; n++) await ends.a.send(withDescriptors(bytes(n), [native.eventfd(0)]));
});

test('what cannot be sent is refused at once', () => {
  expect(() => withDescriptors(bytes(1), [-1])).toThrow(RangeError);
  expect(() => withDescriptors(bytes(1), [1.5])).toThrow(RangeError);
  expect(() => withDescriptors(bytes(1), new Array<number>(254).fill(0))).toThrow(RangeError);
  expect(() => seqpacket({ maxDescriptors: 254 })).toThrow(RangeError);
});
