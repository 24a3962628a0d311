import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { PosixQueue } from '@ipc/mq';
import { expectBytes, noLeaks, pattern, queueConformance, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

/** Small ones: all queues of a user share RLIMIT_MSGQUEUE. */
const size = { maxMessages: 8, maxMessageBytes: 2_048 };

queueConformance(
  { id: 'mq.posix', create: (name) => PosixQueue.create(name, size), open: (name) => PosixQueue.open(name) },
  new URL('../dist-test/workers/posix-queue-peer.js', import.meta.url),
);

describe('PosixQueue', () => {
  test('creates with the sizes asked for, and says so', () => {
    using queue = PosixQueue.create(uniqueName('sizes'), { maxMessages: 3, maxMessageBytes: 100 });
    expect(queue.attributes()).toEqual({ maxMessages: 3, maxMessageBytes: 100, messages: 0 });
    queue.unlink();
  });

  test('reports a queue of another size, naming both, and opens nothing', () => {
    using queue = PosixQueue.create(uniqueName('mismatch'), size);
    const name = queue.name ?? '';
    for (const how of ['open', 'openOrCreate'] as const) {
      expect(() => PosixQueue[how](name, { maxMessages: 4 })).toThrow(/maxMessages 8, not 4/);
      expect(() => PosixQueue[how](name, { maxMessageBytes: 4 })).toThrow(
        expect.objectContaining({
          code: 'ERR_IPC_MISMATCH',
          message: expect.stringMatching(/2048, not 4/) as string,
        }),
      );
    }
    using same = PosixQueue.open(name, size);
    expect(same.attributes()).toEqual(queue.attributes());
    queue.unlink();
  });

  test('openOrCreate creates the first time and opens the second', () => {
    const name = uniqueName('either');
    using first = PosixQueue.openOrCreate(name, size);
    using second = PosixQueue.openOrCreate(name, size);
    first.trySend(pattern(3));
    expectBytes(second.tryReceive()?.bytes, pattern(3));
    expect(PosixQueue.unlink(name)).toBe(true);
    expect(PosixQueue.unlink(name)).toBe(false);
  });

  test('opens for one direction, and refuses the other as a bug', async () => {
    using queue = PosixQueue.create(uniqueName('access'), size);
    const name = queue.name ?? '';
    using sender = PosixQueue.open(name, { access: 'send' });
    using receiver = PosixQueue.open(name, { access: 'receive' });
    sender.trySend(pattern(4));
    expect(() => sender.tryReceive()).toThrow(TypeError);
    expect(() => receiver.trySend(pattern(4))).toThrow(TypeError);
    await expect(sender.receive()).rejects.toThrow(TypeError);
    expectBytes((await receiver.receive()).bytes, pattern(4));
    queue.unlink();
  });

  test('takes names of the kernel as they are', () => {
    const name = `/${uniqueName('raw')}`;
    using queue = PosixQueue.create(name, size);
    using same = PosixQueue.open(name);
    same.trySend(pattern(1));
    expectBytes(queue.tryReceive()?.bytes, pattern(1));
    queue.unlink();
  });

  test.each([
    '',
    'a/b',
    '/',
    '//',
    '/a/b',
    '/.',
    '/nul\0',
    `/${'x'.repeat(255)}`,
    'x'.repeat(65),
    7,
    undefined,
  ])('refuses the name %j', (name) => {
    for (const how of ['create', 'open', 'openOrCreate', 'unlink'] as const) {
      expect(() => PosixQueue[how](name as string)).toThrow(TypeError);
    }
  });

  test.each([
    { maxMessages: 0 },
    { maxMessages: 1.5 },
    { maxMessageBytes: -1 },
    { mode: 0o1000 },
    { mode: NaN },
  ])('refuses the options %j', (options) => {
    expect(() => PosixQueue.create(uniqueName('bad'), options)).toThrow(RangeError);
  });

  test('refuses an unknown access', () => {
    expect(() => PosixQueue.open(uniqueName('bad'), { access: 'all' as never })).toThrow(TypeError);
  });

  test('X3 a queue of too many messages names fs.mqueue.msg_max, its value, the need and the command', () => {
    const { maxMessages } = PosixQueue.limits();
    expect(() => PosixQueue.create(uniqueName('x3'), { maxMessages: 1_000_000 })).toThrow(
      expect.objectContaining({
        code: 'ERR_IPC_LIMIT',
        message: expect.stringContaining(
          `fs.mqueue.msg_max is ${maxMessages} and 1000000 is needed; raise it with \`sysctl -w fs.mqueue.msg_max=1000000\``,
        ) as string,
      }),
    );
  });

  test('X3 a queue of too large messages names fs.mqueue.msgsize_max, its value, the need and the command', () => {
    const { maxMessageBytes } = PosixQueue.limits();
    expect(() => PosixQueue.create(uniqueName('x3'), { maxMessages: 1, maxMessageBytes: 1 << 30 })).toThrow(
      expect.objectContaining({
        code: 'ERR_IPC_LIMIT',
        message: expect.stringContaining(
          `fs.mqueue.msgsize_max is ${maxMessageBytes} and 1073741824 is needed; raise it with \`sysctl -w`,
        ) as string,
      }),
    );
  });

  test('gives the mode asked for, whatever the umask is', () => {
    const before = process.umask(0o077);
    try {
      using queue = PosixQueue.create(uniqueName('mode'), { ...size, mode: 0o666 });
      expect(modeOf(`/ipc-${queue.name ?? ''}.mq`)).toBe(0o666);
      queue.unlink();
    } finally {
      process.umask(before);
    }
  });
});

/** Permission bits of a queue this process has open. */
function modeOf(kernelName: string): number {
  const paths = readdirSync('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`);
  const path = paths.find((candidate) => {
    try {
      return readlinkSync(candidate) === kernelName;
    } catch {
      return false; // the descriptor of the listing itself
    }
  });
  return statSync(path ?? '').mode & 0o777;
}
