/** Q16: leases, delays, times to live and dead letters of the shared-memory queue. */
import { SharedQueue, type LeasedMessage, type SharedQueueOptions } from '@ipc/mq';
import { noLeaks, spawnPeer, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';

noLeaks();

const worker = new URL('../dist-test/workers/lease-holder.js', import.meta.url);
const size: SharedQueueOptions = { capacityBytes: 64 << 10 };
/** Longer than any test takes. */
const leaseMs = 600_000;
/** How long a loop looks for a message that ought to come. */
const patienceMs = 20_000;

function fresh(options: SharedQueueOptions = size): SharedQueue & Disposable {
  const queue = SharedQueue.create(uniqueName('lease'), options);
  const close = queue.close.bind(queue);
  return Object.assign(queue, {
    [Symbol.dispose]() {
      SharedQueue.unlink(queue.name ?? '');
      close();
    },
  });
}

function numbers(messages: readonly (LeasedMessage | { bytes: Uint8Array } | undefined)[]): unknown[] {
  return messages.map((message) => message?.bytes[0]);
}

describe('a leased message', () => {
  test('is hidden, and gone once acknowledged', () => {
    using queue = fresh();
    queue.trySend(Uint8Array.of(1), { priority: 3 });
    const message = queue.tryReceive({ leaseMs });
    expect(message).toMatchObject({ bytes: Uint8Array.of(1), priority: 3, attempt: 1 });
    expect(queue.tryReceive()).toBeUndefined();
    expect(queue.attributes()).toMatchObject({ messages: 1, leased: 1 });
    expect(message?.acknowledge()).toBe(true);
    expect(message?.acknowledge()).toBe(false);
    expect(message?.release()).toBe(false);
    expect(queue.attributes()).toMatchObject({ messages: 0, leased: 0, redelivered: 0 });
  });

  test('is received again when its time is over, by one who waits, and the old lease is void', async () => {
    using queue = fresh();
    queue.trySend(Uint8Array.of(1));
    const first = queue.tryReceive({ leaseMs: 20 });
    const second = await queue.receive({ leaseMs });
    expect(second).toMatchObject({ bytes: Uint8Array.of(1), attempt: 2 });
    expect([first?.acknowledge(), first?.extend(1), first?.release()]).toEqual([false, false, false]);
    expect(second.acknowledge()).toBe(true);
    expect(queue.attributes()).toMatchObject({ messages: 0, redelivered: 1 });
  });

  test('is received again by one who blocks', () => {
    using queue = fresh();
    queue.trySend(Uint8Array.of(1));
    queue.tryReceive({ leaseMs: 20 });
    expect(queue.receiveSync({ leaseMs, timeoutMs: 10_000 })?.attempt).toBe(2);
  });

  test('stays longer when extended', () => {
    using queue = fresh();
    queue.trySend(Uint8Array.of(1));
    const message = queue.tryReceive({ leaseMs: 300 });
    expect(message?.extend(leaseMs)).toBe(true);
    expect(queue.receiveSync({ timeoutMs: 400 })).toBeUndefined();
    expect(message?.acknowledge()).toBe(true);
  });

  test('comes back before those behind it when released, in the order of sending', () => {
    using queue = fresh();
    for (const n of [1, 2, 3, 4]) queue.trySend(Uint8Array.of(n));
    const [first, second] = [queue.tryReceive({ leaseMs }), queue.tryReceive({ leaseMs })];
    expect(second?.release()).toBe(true);
    expect(first?.release()).toBe(true);
    expect(numbers([1, 2, 3, 4].map(() => queue.tryReceive()))).toEqual([1, 2, 3, 4]);
  });

  test('comes back after a delay, if one is asked for', async () => {
    using queue = fresh();
    queue.trySend(Uint8Array.of(1));
    expect(queue.tryReceive({ leaseMs })?.release({ delayMs: 300 })).toBe(true);
    expect(queue.tryReceive()).toBeUndefined();
    expect(queue.attributes()).toMatchObject({ messages: 1, delayed: 1, leased: 0 });
    expect((await queue.receive()).bytes[0]).toBe(1);
  });

  test('comes back when its handle is closed', () => {
    using queue = fresh();
    queue.trySend(Uint8Array.of(1));
    const other = SharedQueue.open(queue.name ?? '');
    const message = other.tryReceive({ leaseMs });
    other.close();
    expect(() => message?.acknowledge()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
    expect(queue.tryReceive({ leaseMs })?.attempt).toBe(2);
  });

  test.each(['receive', 'receiveSync', 'tryReceive'] as const)(
    'comes back at once when its process is killed: %s',
    async (how) => {
      using queue = fresh();
      for (const n of [1, 2, 3]) queue.trySend(Uint8Array.of(n));
      await using peer = await spawnPeer(worker, queue.name ?? '');
      expect(await peer.call('lease', 3, leaseMs)).toEqual([1, 2, 3]);
      expect(queue.tryReceive()).toBeUndefined();
      const killed = how === 'receive' ? undefined : peer.kill();
      if (how === 'tryReceive') await killed;
      const again =
        how === 'receive'
          ? queue.receive({ leaseMs })
          : how === 'receiveSync'
            ? queue.receiveSync({ leaseMs, timeoutMs: patienceMs })
            : queue.tryReceive({ leaseMs });
      await peer.kill();
      let first = await again;
      const endMs = performance.now() + patienceMs;
      while (first === undefined && how === 'tryReceive' && performance.now() < endMs)
        first = queue.tryReceive({ leaseMs }); // asks the kernel once in a millisecond
      expect(first).toMatchObject({ bytes: Uint8Array.of(1), attempt: 2 });
      expect(numbers([queue.tryReceive(), queue.tryReceive(), queue.tryReceive()])).toEqual([
        2,
        3,
        undefined,
      ]);
      expect(queue.attributes()).toMatchObject({ messages: 1, leased: 1, redelivered: 3 });
    },
  );

  test('comes back soon when its process is killed, however busy the others are', async () => {
    using queue = fresh();
    queue.trySend(Uint8Array.of(1));
    await using peer = await spawnPeer(worker, queue.name ?? '');
    await peer.call('lease', 1, leaseMs);
    await peer.kill();
    let first: number | undefined;
    const endMs = performance.now() + patienceMs;
    while (first !== 1 && performance.now() < endMs) {
      queue.trySend(Uint8Array.of(2));
      queue.trySend(Uint8Array.of(2));
      first = queue.tryReceive()?.bytes[0];
      queue.tryReceive();
    }
    expect(first).toBe(1);
  });

  test('comes back when another has taken the dead one’s place', async () => {
    using queue = fresh({ ...size, participants: 2 });
    queue.trySend(Uint8Array.of(1));
    await using peer = await spawnPeer(worker, queue.name ?? '');
    await peer.call('lease', 1, leaseMs);
    expect(() => SharedQueue.open(queue.name ?? '')).toThrow(
      expect.objectContaining({ code: 'ERR_IPC_LIMIT' }),
    );
    await peer.kill();
    using successor = SharedQueue.open(queue.name ?? '');
    expect(successor.tryReceive({ leaseMs })?.attempt).toBe(2);
  });

  test('is a dead letter after so many attempts, until somebody takes or revives it', () => {
    using queue = fresh({ ...size, maxAttempts: 2 });
    queue.trySend(Uint8Array.of(7), { priority: 9 });
    for (let i = 0; i < 2; i++) expect(queue.tryReceive({ leaseMs })?.release()).toBe(true);
    expect(queue.tryReceive()).toBeUndefined();
    expect(queue.attributes()).toMatchObject({ messages: 0, deadLetters: 1, redelivered: 1 });
    expect(queue.reviveDeadLetters()).toBe(1);
    for (let i = 0; i < 2; i++) queue.tryReceive({ leaseMs })?.release();
    expect(queue.tryReceiveDeadLetter()).toEqual({ bytes: Uint8Array.of(7), priority: 9, attempts: 2 });
    expect(queue.tryReceiveDeadLetter()).toBeUndefined();
    expect(queue.attributes()).toMatchObject({ messages: 0, deadLetters: 0 });
  });
});

describe('times', () => {
  test('a delayed message comes when its time has come, to those who wait already', async () => {
    using queue = fresh();
    using other = SharedQueue.open(queue.name ?? '');
    const waiting = other.receive();
    const startMs = performance.now();
    queue.trySend(Uint8Array.of(1), { delayMs: 300 });
    expect(queue.tryReceive()).toBeUndefined();
    expect((await waiting).bytes[0]).toBe(1);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(299);
  });

  test('the soonest comes first, however they were sent', async () => {
    using queue = fresh();
    for (const n of [5, 1, 4, 2, 3]) queue.trySend(Uint8Array.of(n), { delayMs: n * 100 });
    const received = [];
    for (let i = 0; i < 5; i++) received.push(await queue.receive());
    expect(numbers(received)).toEqual([1, 2, 3, 4, 5]);
  });

  test('a message past its time to live is dropped, counted, and makes room for one who waits', async () => {
    using queue = fresh({ ...size, maxMessages: 1 });
    queue.trySend(Uint8Array.of(1), { ttlMs: 300 });
    expect(queue.trySend(Uint8Array.of(2))).toBe(false);
    await queue.send(Uint8Array.of(2));
    expect(queue.tryReceive()?.bytes[0]).toBe(2);
    expect(queue.attributes()).toMatchObject({ messages: 0, expired: 1 });
  });

  test('one that was received in time is not dropped later', () => {
    using queue = fresh();
    queue.trySend(Uint8Array.of(1), { ttlMs: 300 });
    const message = queue.tryReceive({ leaseMs });
    expect(queue.receiveSync({ timeoutMs: 400 })).toBeUndefined();
    expect(message?.acknowledge()).toBe(true);
    expect(queue.attributes()).toMatchObject({ messages: 0, expired: 0 });
  });
});

describe('sizes', () => {
  test('messages in cells and in blocks, of every length about a cell, in any order of freeing', () => {
    using queue = fresh({ capacityBytes: 1 << 20 });
    const lengths = Array.from({ length: 400 }, (_, i) => i);
    for (let round = 0; round < 3; round++) {
      for (const length of lengths.slice(round, round + 200))
        queue.trySend(new Uint8Array(length).fill(length));
      for (const length of lengths.slice(round, round + 200)) {
        const { bytes } = queue.tryReceive() ?? {};
        expect(bytes).toEqual(new Uint8Array(length).fill(length));
      }
    }
  });

  test.each([
    { capacityBytes: 1 },
    { cellBytes: 100 },
    { maxMessages: 0 },
    { maxMessageBytes: 1 << 30 },
    { participants: 255 },
    { maxAttempts: -1 },
  ])('refuses %j', (options) => {
    expect(() => SharedQueue.create(uniqueName('bad'), options)).toThrow(RangeError);
  });

  test('reports a queue of another size', () => {
    using queue = fresh();
    expect(() => SharedQueue.openOrCreate(queue.name ?? '', { maxMessages: 3 })).toThrow(
      expect.objectContaining({
        code: 'ERR_IPC_MISMATCH',
        message: expect.stringMatching(/maxMessages 213, not 3/) as string,
      }),
    );
    SharedQueue.openOrCreate(queue.name ?? '').close();
  });

  test.each([{ leaseMs: 0 }, { leaseMs: -1 }, { leaseMs: NaN }])('refuses %j', (options) => {
    using queue = fresh();
    expect(() => queue.tryReceive(options)).toThrow(RangeError);
    expect(() => queue.trySend(Uint8Array.of(1), { delayMs: options.leaseMs - 1 })).toThrow(RangeError);
  });
});
