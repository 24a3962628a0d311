import { readFile } from 'node:fs/promises';
import { SysvQueue } from '@ipc/mq';
import { expectBytes, noLeaks, pattern, queueConformance, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

queueConformance(
  { id: 'mq.sysv', create: (name) => SysvQueue.create(name), open: (name) => SysvQueue.open(name) },
  new URL('../dist-test/workers/sysv-queue-peer.js', import.meta.url),
);

describe('SysvQueue', () => {
  test('selects by type: exactly, up to, any', async () => {
    const name = uniqueName('types');
    using three = SysvQueue.create(name, { type: 3, select: 5 });
    using five = SysvQueue.open(name, { type: 5, select: -4 });
    using any = SysvQueue.open(name, { select: 0 });
    const waiting = three.receive();
    three.trySend(pattern(1, 1));
    expectBytes(five.tryReceive()?.bytes, pattern(1, 1));
    five.trySend(pattern(1, 2));
    expectBytes((await waiting).bytes, pattern(1, 2));
    five.trySend(pattern(1, 3));
    three.trySend(pattern(1, 4));
    expectBytes(any.tryReceive()?.bytes, pattern(1, 3));
    expectBytes(any.tryReceive()?.bytes, pattern(1, 4));
    any.unlink();
  });

  test('a name is a key for others', () => {
    const name = uniqueName('key');
    using queue = SysvQueue.create(name);
    using same = SysvQueue.open(SysvQueue.keyOf(name));
    same.trySend(pattern(2));
    expectBytes(queue.tryReceive()?.bytes, pattern(2));
    expect(SysvQueue.unlink(name)).toBe(true);
    expect(SysvQueue.unlink(name)).toBe(false);
  });

  test('an empty message reaches who waits, and is not lost with a handle that gave up', async () => {
    const name = uniqueName('empty');
    using queue = SysvQueue.create(name);
    const waiting = queue.receive();
    using other = SysvQueue.open(name);
    other.trySend(new Uint8Array(0), { priority: 7 });
    expect(await waiting).toEqual({ bytes: new Uint8Array(0), priority: 7 });

    using gaveUp = SysvQueue.open(name);
    await expect(gaveUp.receive({ signal: AbortSignal.timeout(5) })).rejects.toThrow();
    other.trySend(new Uint8Array(0));
    gaveUp.close();
    expect((await other.receive()).bytes).toHaveLength(0);
    queue.unlink();
  });

  test('those who wait leave the thread pool to others, however many they are', async () => {
    const queues = Array.from({ length: 8 }, () => SysvQueue.create(uniqueName('pool')));
    try {
      const waiting = Promise.all(queues.map((queue) => queue.receive()));
      await readFile(new URL(import.meta.url)); // by a thread of the pool, which has four
      for (const queue of queues) queue.trySend(pattern(9));
      for (const { bytes } of await waiting) expectBytes(bytes, pattern(9));
    } finally {
      for (const queue of queues) {
        queue.unlink();
        queue.close();
      }
    }
  });

  test('X3 a message over kernel.msgmax names it, its value, the need and the command', () => {
    const name = uniqueName('msgmax');
    using queue = SysvQueue.create(name);
    const { maxMessageBytes } = SysvQueue.limits();
    const bytes = maxMessageBytes + 1;
    expect(() => queue.trySend(new Uint8Array(bytes))).toThrow(
      expect.objectContaining({
        code: 'ERR_IPC_TOO_LARGE',
        message: expect.stringContaining(
          `kernel.msgmax is ${maxMessageBytes} and ${bytes} is needed; raise it with \`sysctl -w kernel.msgmax=${bytes}\``,
        ) as string,
      }),
    );
    queue.unlink();
  });

  test('X3 a message over what the queue holds names kernel.msgmnb, too', () => {
    const name = uniqueName('msgmnb');
    using queue = SysvQueue.create(name);
    const { maxQueueBytes } = SysvQueue.limits();
    const bytes = maxQueueBytes + 1;
    expect(() => queue.trySend(new Uint8Array(bytes))).toThrow(
      new RegExp(
        `kernel.msgmnb is ${maxQueueBytes} and ${bytes} is needed.*the queue holds ${maxQueueBytes} bytes`,
      ),
    );
    queue.unlink();
  });

  test.each([0, 0.5, 2 ** 31, NaN])('refuses the key %j', (key) => {
    expect(() => SysvQueue.openOrCreate(key)).toThrow(RangeError);
  });

  test.each([{ type: 0 }, { type: 1.5 }, { select: NaN }, { mode: 0o1000 }])(
    'refuses the options %j',
    (options) => {
      expect(() => SysvQueue.create(uniqueName('bad'), options)).toThrow(RangeError);
    },
  );
});
