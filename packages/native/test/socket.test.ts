import { closeSync, fstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  POLLIN,
  accept,
  bind,
  close,
  connect,
  listen,
  peerCredentials,
  peerPidfd,
  pipe,
  poll,
  read,
  receiveMessage,
  receiveMessages,
  sendMessage,
  sendMessages,
  setSocketBuffer,
  shutdown,
  socket,
  socketBuffer,
  socketPair,
  unreadBytes,
  write,
  type SocketType,
} from '@ipc/native';
import {
  expectNoLeaks,
  openFlags,
  owned,
  ownedPair,
  startWorker,
  temporaryFolder,
  thrownBy,
} from './support.ts';

expectNoLeaks();

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const target = new Uint8Array(1 << 16);
const received = (count: number): string => Buffer.from(target.subarray(0, count)).toString();
let names = 0;
const abstractName = (): string => `\0ipc-native-test-${process.pid}-${++names}`;

function listening(type: SocketType, path: string | Uint8Array, backlog = 8): number {
  const fd = owned(socket(type));
  bind(fd, path);
  listen(fd, backlog);
  return fd;
}

test.each(['stream', 'seqpacket'] as const)(
  '%s: listens on a path, connects, accepts, carries bytes',
  (type) => {
    const path = join(temporaryFolder(), 'socket');
    const listener = listening(type, path);
    expect(statSync(path).isSocket()).toBe(true);
    expect(accept(listener)).toBe(-1);
    const client = owned(socket(type));
    expect(connect(client, path)).toBe(true);
    const server = owned(accept(listener));
    for (const fd of [listener, client, server]) {
      expect(openFlags(fd)).toEqual({ closeOnExec: true, nonBlocking: true });
    }
    expect(sendMessage(client, bytes('xhellox'), 1, 5)).toBe(5);
    expect(receiveMessage(server, target, 0, 100, 0)).toEqual({ bytes: 5, fds: [], truncated: false });
    expect(received(5)).toBe('hello');
    expect(receiveMessage(server, target, 0, 100, 0).bytes).toBe(-1);
    shutdown(client, 'write');
    expect(receiveMessage(server, target, 0, 100, 0).bytes).toBe(0);
    expect(peerCredentials(server)).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
  },
);

test('an abstract name is a string or bytes, and vanishes with the socket', () => {
  const name = abstractName();
  const raw = new Uint8Array([0, 255, 0, 1, ...bytes(name)]);
  for (const address of [name, raw]) {
    const listener = socket('stream');
    bind(listener, address);
    listen(listener, 1);
    expect(
      thrownBy(() => {
        bind(owned(socket('stream')), address);
      }),
    ).toMatchObject({ code: 'EADDRINUSE' });
    const client = owned(socket('stream'));
    expect(connect(client, address)).toBe(true);
    close(listener);
    expect(thrownBy(() => connect(owned(socket('stream')), address))).toMatchObject({ code: 'ECONNREFUSED' });
  }
});

test('addresses are checked byte for byte', () => {
  const fd = owned(socket('stream'));
  const folder = temporaryFolder();
  expect(
    thrownBy(() => {
      bind(fd, 'a'.repeat(108));
    }),
  ).toMatchObject({ code: 'ENAMETOOLONG', syscall: 'bind' });
  expect(thrownBy(() => connect(fd, 'é'.repeat(54)))).toMatchObject({
    code: 'ENAMETOOLONG',
    syscall: 'connect',
  });
  expect(
    thrownBy(() => {
      bind(fd, `\0${'a'.repeat(108)}`);
    }),
  ).toMatchObject({ code: 'ENAMETOOLONG' });
  expect(() => {
    bind(fd, '');
  }).toThrow(RangeError);
  expect(() => {
    bind(fd, new Uint8Array(0));
  }).toThrow(RangeError);
  expect(() => {
    bind(fd, 'a\0b');
  }).toThrow(TypeError);
  expect(() => {
    bind(fd, 7 as unknown as string);
  }).toThrow(TypeError);
  expect(thrownBy(() => connect(fd, join(folder, 'absent')))).toMatchObject({
    code: 'ENOENT',
    message: `ENOENT: no such file or directory, connect '${folder}/absent'`,
  });
  const longest = `${folder}/`.padEnd(107, 'x');
  bind(fd, longest);
  expect(statSync(longest).isSocket()).toBe(true);
  const name = abstractName().padEnd(108, 'y');
  bind(owned(socket('stream')), name);
});

test('a full backlog is false, and goes on once there is room', () => {
  const name = abstractName();
  const listener = listening('stream', name, 0);
  expect(connect(owned(socket('stream')), name)).toBe(true);
  const waiting = owned(socket('stream'));
  expect(connect(waiting, name)).toBe(false);
  owned(accept(listener));
  expect(connect(waiting, name)).toBe(true);
});

test('a pair of each type keeps its bounds', () => {
  const read = (type: SocketType): [number, number] => {
    const [a, b] = ownedPair(socketPair(type));
    sendMessage(a, bytes('one'), 0, 3);
    sendMessage(a, bytes('three'), 0, 5);
    return [receiveMessage(b, target, 0, 100, 0).bytes, receiveMessage(b, target, 0, 100, 0).bytes];
  };
  expect(read('stream')).toEqual([8, -1]);
  expect(read('seqpacket')).toEqual([3, 5]);
  expect(read('datagram')).toEqual([3, 5]);
});

test.each(['seqpacket', 'datagram'] as const)('several messages go with one call: %s', (type) => {
  const [a, b] = ownedPair(socketPair(type));
  const source = bytes('onetwothree');
  const ends = Int32Array.of(3, 6, 6, 11);
  const lengths = new Int32Array(8);
  expect(sendMessages(a, source, ends, 0, 4)).toBe(4);
  expect(sendMessages(a, source, ends, 3, 4)).toBe(1);
  expect(sendMessages(a, source, ends, 2, 2)).toBe(0);
  const slots = new Uint8Array(4 * 8);
  expect(receiveMessages(b, slots, 4, lengths)).toBe(5);
  expect([...lengths.subarray(0, 5)]).toEqual([3, 3, 0, -1, -1]); // five bytes do not fit four
  expect(Buffer.from(slots.subarray(0, 16)).toString()).toBe('one\0two\0\0\0\0\0thre');
  expect(receiveMessages(b, slots, 4, lengths)).toBe(-1);
  expect(thrownBy(() => sendMessages(a, source, Int32Array.of(6, 3), 0, 2))).toBeInstanceOf(RangeError);
  expect(thrownBy(() => sendMessages(a, source, Int32Array.of(12), 0, 1))).toBeInstanceOf(RangeError);
  expect(thrownBy(() => sendMessages(a, source, Int32Array.of(-1, 3), 1, 2))).toBeInstanceOf(RangeError);
  expect(thrownBy(() => receiveMessages(b, slots, 33, lengths))).toBeInstanceOf(RangeError);
});

test('one message may begin in other memory than its slot', () => {
  const [a, b] = ownedPair(socketPair('seqpacket'));
  const [slots, lengths, front] = [new Uint8Array(8), new Int32Array(2), new Uint8Array(4)];
  const receive = (): string => {
    expect(receiveMessages(b, slots, 4, lengths, front)).toBe(1);
    return Buffer.concat([front, slots]).toString();
  };
  sendMessages(a, bytes('twoseventhirteen byte'), Int32Array.of(3, 8, 21), 0, 3);
  expect(receive()).toBe('two\0\0\0\0\0\0\0\0\0');
  expect(lengths[0]).toBe(3);
  expect(receive()).toBe('seven\0\0\0\0\0\0\0'.slice(0, 12));
  expect(lengths[0]).toBe(5);
  expect(receive()).toBe('thirteen\0\0\0\0');
  expect(lengths[0]).toBe(-1); // thirteen bytes do not fit eight
  expect(receiveMessages(b, slots, 4, lengths, front)).toBe(-1);
});

test('of several messages those that fit are sent; descriptors that nobody wants are closed', () => {
  const [a, b] = ownedPair(socketPair('seqpacket'));
  const ends = Int32Array.from({ length: 64 }, (_, i) => (i + 1) * 16_384);
  const source = new Uint8Array(1 << 20);
  const sent = sendMessages(a, source, ends, 0, 64);
  expect(sent).toBeGreaterThan(0);
  expect(sent).toBeLessThan(64);
  expect(sendMessages(a, source, ends, sent, 64)).toBe(-1);
  const lengths = new Int32Array(64);
  expect(receiveMessages(b, source, 16_384, lengths)).toBe(sent);
  sendMessage(a, bytes('x'), 0, 1, [0]);
  expect(receiveMessages(b, source, 16_384, lengths)).toBe(1);
  expect(lengths[0]).toBe(-1);
  shutdown(b, 'both');
  expect(thrownBy(() => sendMessages(a, source, ends, 0, 64))).toMatchObject({ code: 'EPIPE' });
});

test('no room is -1; a message that never fits is EMSGSIZE; one that is cut says so', () => {
  const [a, b] = ownedPair(socketPair('seqpacket'));
  const block = new Uint8Array(32_768);
  let sent = 0;
  while (sendMessage(a, block, 0, block.length) === block.length) sent++;
  expect(sent).toBeGreaterThan(0);
  expect(sendMessage(a, block, 0, block.length)).toBe(-1);
  expect(receiveMessage(b, target, 0, 100, 0)).toEqual({ bytes: 100, fds: [], truncated: true });
  expect(thrownBy(() => sendMessage(a, new Uint8Array(1 << 20), 0, 1 << 20))).toMatchObject({
    code: 'EMSGSIZE',
    syscall: 'sendmsg',
  });
});

test('a peer that is gone is EPIPE, and the process lives', () => {
  const [a, b] = socketPair('stream');
  close(b);
  expect(thrownBy(() => sendMessage(a, bytes('x'), 0, 1))).toMatchObject({ code: 'EPIPE', errno: -32 });
  expect(receiveMessage(a, target, 0, 1, 0).bytes).toBe(0);
  close(a);
});

test('descriptors travel, arrive close-on-exec, and are the same objects', () => {
  const [a, b] = ownedPair(socketPair('stream'));
  const [reader, writer] = pipe();
  expect(sendMessage(a, bytes('x'), 0, 1, [reader, writer])).toBe(1);
  const inodes = [fstatSync(reader).ino, fstatSync(writer).ino];
  close(reader);
  close(writer);
  const { bytes: count, fds, truncated } = receiveMessage(b, target, 0, 10, 4);
  expect(count).toBe(1);
  expect(truncated).toBe(false);
  expect(fds).toHaveLength(2);
  const [newReader = -1, newWriter = -1] = fds;
  owned(newReader);
  owned(newWriter);
  expect([fstatSync(newReader).ino, fstatSync(newWriter).ino]).toEqual(inodes);
  expect(openFlags(newReader).closeOnExec).toBe(true);
  write(newWriter, bytes('through'), 0, 7);
  expect(read(newReader, target, 0, 100)).toBe(7);
});

test('descriptors beyond those asked for are dropped by the kernel, and reported', () => {
  const [a, b] = ownedPair(socketPair('seqpacket'));
  const [reader] = ownedPair(pipe());
  for (const [sent, asked] of [
    [2, 1],
    [3, 2],
    [1, 0],
    [253, 3],
  ] as const) {
    sendMessage(a, bytes('x'), 0, 1, Array<number>(sent).fill(reader));
    const { fds, truncated } = receiveMessage(b, target, 0, 1, asked);
    for (const fd of fds) owned(fd);
    expect(fds).toHaveLength(asked);
    expect(truncated).toBe(true);
  }
  sendMessage(a, bytes('x'), 0, 1, Array<number>(253).fill(reader));
  const all = receiveMessage(b, target, 0, 1, 253);
  for (const fd of all.fds) owned(fd);
  expect(all.fds).toHaveLength(253);
  expect(all.truncated).toBe(false);
  expect(() => sendMessage(a, bytes('x'), 0, 1, Array<number>(254).fill(reader))).toThrow(RangeError);
  const absent = socket('stream');
  close(absent);
  expect(thrownBy(() => sendMessage(a, bytes('x'), 0, 1, [absent]))).toMatchObject({ code: 'EBADF' });
  expect(sendMessage(a, bytes('x'), 0, 1, [])).toBe(1);
});

test('a child passes a descriptor, and its pidfd tells when it is killed', async () => {
  const path = join(temporaryFolder(), 'socket');
  const listener = listening('seqpacket', path);
  const worker = startWorker('pass-descriptor', [path]);
  await worker.line();
  const server = owned(accept(listener));
  expect(peerCredentials(server).pid).toBe(worker.child.pid);
  const { fds } = receiveMessage(server, target, 0, 100, 1);
  const [reader = -1] = fds;
  expect(read(owned(reader), target, 0, 100)).toBe(12);
  expect(received(12)).toBe('from a child');

  const pidfd = peerPidfd(server);
  worker.child.kill('SIGKILL');
  if (pidfd !== -1) {
    expect(poll(new Int32Array([pidfd]), new Int16Array([POLLIN]), new Int16Array(1), -1)).toBe(1);
    closeSync(pidfd);
  }
  await worker.ended;
  expect(receiveMessage(server, target, 0, 100, 1).bytes).toBe(0);
});

test('buffers are set and read', () => {
  const [a] = ownedPair(socketPair('stream'));
  for (const which of ['send', 'receive'] as const) {
    setSocketBuffer(a, which, 16_384);
    expect(socketBuffer(a, which)).toBe(32_768);
  }
});

test.each(['stream', 'seqpacket'] as const)(
  'what a %s socket has sent counts until it is received',
  (type) => {
    const [a, b] = ownedPair(socketPair(type));
    expect(unreadBytes(a)).toBe(0);
    for (let n = 1; n <= 4; n++) {
      sendMessage(a, target, 0, 1);
      expect(unreadBytes(a)).toBeGreaterThanOrEqual(n * 512);
      expect(unreadBytes(a)).toBeLessThan(n * 4096);
    }
    while (unreadBytes(a) > 0) expect(receiveMessage(b, target, 0, 1, 0).bytes).toBe(1);
    expect(receiveMessage(b, target, 0, 1, 0).bytes).toBe(-1);
  },
);

test('a pipe is no socket', () => {
  const [reader] = ownedPair(pipe());
  const calls = [
    () => {
      bind(reader, '\0x');
    },
    () => {
      listen(reader, 1);
    },
    () => connect(reader, '\0x'),
    () => accept(reader),
    () => {
      shutdown(reader, 'both');
    },
    () => sendMessage(reader, target, 0, 1),
    () => receiveMessage(reader, target, 0, 1, 0),
    () => peerCredentials(reader),
    () => peerPidfd(reader),
    () => socketBuffer(reader, 'send'),
    () => {
      setSocketBuffer(reader, 'send', 1);
    },
  ];
  for (const call of calls) expect(thrownBy(call)).toMatchObject({ code: 'ENOTSOCK' });
  expect(thrownBy(() => unreadBytes(reader))).toMatchObject({ code: 'ENOTTY' });
});
