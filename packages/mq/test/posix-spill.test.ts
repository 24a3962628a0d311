import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, truncateSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PosixQueue } from '@ipc/mq';
import { Region } from '@ipc/shm';
import { expectBytes, noLeaks, pattern, queueConformance, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import {
  decodeSpillReference,
  encodeSpillReference,
  looksLikeSpillReference,
} from '../src/posix-spill-reference.ts';

noLeaks();

const victim = fileURLToPath(new URL('../dist-test/workers/posix-spill-victim.js', import.meta.url));
/** Small ones: all queues of a user share RLIMIT_MSGQUEUE. */
const size = { maxMessages: 4, maxMessageBytes: 64 };
const spillBytes = 1_000_000;
const plainSize = { maxMessages: 8, maxMessageBytes: 128 };

queueConformance(
  {
    id: 'mq.posix-spill',
    create: (name) => PosixQueue.create(name, { ...plainSize, spillBytes: 2_048 }),
    open: (name) => PosixQueue.open(name, { spillBytes: 2_048 }),
  },
  new URL('../dist-test/workers/posix-spill-peer.js', import.meta.url),
);

interface Parties extends Disposable {
  readonly queue: PosixQueue;
  /** A handle that knows nothing of payloads, as a C program has. */
  readonly plain: PosixQueue;
  /** The names of this queue's payloads. */
  readonly payloads: () => string[];
}

function spilling(): Parties {
  const name = uniqueName('spill');
  const queue = PosixQueue.create(name, { ...size, spillBytes });
  const plain = PosixQueue.open(name);
  queue.trySend(pattern(65));
  const reference = plain.tryReceive()?.bytes ?? new Uint8Array(32);
  const ending = hex(decodeSpillReference(reference).id);
  const prefix =
    spilled()
      .find((candidate) => candidate.endsWith(ending))
      ?.slice(0, -16) ?? 'none';
  plain.trySend(reference); // back to where it was
  queue.tryReceive();
  return {
    queue,
    plain,
    payloads: () => spilled().filter((candidate) => candidate.startsWith(prefix)),
    [Symbol.dispose]: () => {
      PosixQueue.unlink(name);
      plain.close();
      queue.close(); // last, as it knows of payloads
    },
  };
}

function spilled(): string[] {
  return Region.list()
    .filter(({ kind }) => kind === 'mq-spill')
    .map(({ name }) => name);
}

function hex(id: bigint): string {
  return id.toString(16).padStart(16, '0');
}

describe('messages above msgsize', () => {
  test('come out as one, in their order, with their priority, and leave nothing', () => {
    using parties = spilling();
    const { queue, payloads } = parties;
    expect(queue.attributes()).toEqual({ maxMessages: 4, maxMessageBytes: spillBytes, messages: 0 });
    queue.trySend(pattern(64, 1), { priority: 32_767 });
    queue.trySend(pattern(spillBytes, 2), { priority: 32_767 });
    queue.trySend(pattern(65, 3));
    expect(payloads()).toHaveLength(2);
    queue.trySend(pattern(1, 4), { priority: 32_767 });
    for (const [bytes, seed, priority] of [
      [64, 1, 32_767],
      [spillBytes, 2, 32_767],
      [1, 4, 32_767],
      [65, 3, 0],
    ] as const) {
      const message = queue.tryReceive();
      expect(message?.priority).toBe(priority);
      expectBytes(message?.bytes, pattern(bytes, seed));
    }
    expect(payloads()).toEqual([]);
  });

  test('are too large above spillBytes', () => {
    using parties = spilling();
    const { queue } = parties;
    expect(() => queue.trySend(new Uint8Array(spillBytes + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_IPC_TOO_LARGE' }),
    );
  });

  test('wait for room as all others, and leave no payload when there is none', async () => {
    using parties = spilling();
    const { queue, payloads } = parties;
    for (let i = 0; i < 4; i++) queue.trySend(pattern(100, i));
    expect(queue.trySend(pattern(100))).toBe(false);
    expect(payloads()).toHaveLength(4);
    const sent = queue.send(pattern(100, 4));
    for (let i = 0; i < 4; i++) expectBytes((await queue.receive()).bytes, pattern(100, i));
    await sent;
    expectBytes((await queue.receive()).bytes, pattern(100, 4));
    expect(payloads()).toEqual([]);
  });

  test('disturb nobody who does not spill: his messages come as they are, and he gets a reference', () => {
    using parties = spilling();
    const { queue, plain } = parties;
    plain.trySend(pattern(32));
    expectBytes(queue.tryReceive()?.bytes, pattern(32));
    queue.trySend(pattern(100));
    const { bytes = new Uint8Array() } = plain.tryReceive() ?? {};
    expect(looksLikeSpillReference(bytes)).toBe(true);
    plain.trySend(bytes);
    expectBytes(queue.tryReceive()?.bytes, pattern(100));
  });

  test('a message that looks like a reference is none', () => {
    using parties = spilling();
    const { queue, payloads } = parties;
    const message = encodeSpillReference({ id: 1n, length: 100 });
    queue.trySend(message);
    expect(payloads()).toHaveLength(1);
    expectBytes(queue.tryReceive()?.bytes, message);
  });
});

describe('references that lead nowhere are ERR_IPC_CORRUPT, remove nothing, and the queue goes on', () => {
  /** What a forged reference gives; afterwards `payload`, the one message that is there, is still whole. */
  function refuses({ queue, plain, payloads }: Parties, reference: Uint8Array): unknown {
    plain.trySend(reference, { priority: 9 });
    const before = payloads();
    let thrown: unknown;
    try {
      queue.tryReceive();
    } catch (error) {
      thrown = error;
    }
    expect(payloads()).toEqual(before);
    return thrown;
  }

  test('to no payload, and to one that was taken', () => {
    using parties = spilling();
    expect(refuses(parties, encodeSpillReference({ id: 2n, length: 100 }))).toMatchObject({
      code: 'ERR_IPC_CORRUPT',
    });
    parties.queue.trySend(pattern(100));
    const { bytes = new Uint8Array() } = parties.plain.tryReceive() ?? {};
    parties.plain.trySend(bytes);
    parties.queue.tryReceive();
    expect(refuses(parties, bytes)).toMatchObject({ code: 'ERR_IPC_CORRUPT' });
  });

  test.each([
    [99, 'ERR_IPC_CORRUPT'],
    [101, 'ERR_IPC_CORRUPT'],
    [spillBytes + 1, 'ERR_IPC_TOO_LARGE'],
  ])('of length %i to a payload of 100', (length, code) => {
    using parties = spilling();
    parties.queue.trySend(pattern(100, 5));
    const id = BigInt(`0x${parties.payloads()[0]?.slice(-16) ?? ''}`);
    expect(refuses(parties, encodeSpillReference({ id, length }))).toMatchObject({ code });
    expectBytes(parties.queue.tryReceive()?.bytes, pattern(100, 5));
  });

  test('to a payload of another queue', () => {
    using one = spilling();
    using other = spilling();
    other.queue.trySend(pattern(100, 6));
    const id = BigInt(`0x${other.payloads()[0]?.slice(-16) ?? ''}`);
    expect(refuses(one, encodeSpillReference({ id, length: 100 }))).toMatchObject({
      code: 'ERR_IPC_CORRUPT',
    });
    expectBytes(other.queue.tryReceive()?.bytes, pattern(100, 6));
  });

  test('to a payload that was cut short', () => {
    using parties = spilling();
    const { queue, payloads } = parties;
    queue.trySend(pattern(100_000));
    const file = `/dev/shm/ipc-${payloads()[0] ?? ''}.mq-spill`;
    truncateSync(file, 4_096);
    try {
      expect(() => queue.tryReceive()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
    } finally {
      rmSync(file); // which fails if it was removed
    }
  });
});

describe('what nobody received', () => {
  test('goes with an unlinked queue and its last handle', () => {
    using parties = spilling();
    const { queue, plain, payloads } = parties;
    const second = PosixQueue.open(queue.name ?? '', { spillBytes });
    plain.close();
    queue.trySend(pattern(100, 7));
    queue.trySend(pattern(100, 8));
    queue.unlink();
    queue.close();
    expectBytes(second.tryReceive()?.bytes, pattern(100, 7));
    expect(payloads()).toHaveLength(1);
    second.close();
    expect(payloads()).toEqual([]);
  });

  test('goes with the name when nobody has the queue open, and stays with the queue until then', () => {
    const name = uniqueName('spill');
    const queue = PosixQueue.create(name, { ...size, spillBytes });
    queue.trySend(pattern(100));
    queue.close();
    expect(ownPayloads()).toBe(1);
    expect(PosixQueue.unlink(name)).toBe(true);
    expect(ownPayloads()).toBe(0);

    function ownPayloads(): number {
      return Region.list().filter(({ kind, creatorPid }) => kind === 'mq-spill' && creatorPid === process.pid)
        .length;
    }
  });

  test('a sender killed between payload and reference leaves no message, and nothing for long', () => {
    using parties = spilling();
    const { queue, payloads } = parties;
    const { signal } = spawnSync(process.execPath, [victim, queue.name ?? '']);
    expect(signal).toBe('SIGKILL');
    expect(payloads()).toHaveLength(1);
    expect(queue.tryReceive()).toBeUndefined();
    queue.trySend(pattern(100));
    expectBytes(queue.tryReceive()?.bytes, pattern(100));
    parties[Symbol.dispose]();
    expect(payloads()).toEqual([]);
  });
});

test.each([{ spillBytes: 0 }, { spillBytes: 1.5 }, { spillBytes: 100, maxMessageBytes: 31 }])(
  'refuses the options %j',
  (options) => {
    expect(() => PosixQueue.create(uniqueName('bad'), options)).toThrow(RangeError);
  },
);

test('a queue too small for a reference is ERR_IPC_MISMATCH', () => {
  using queue = PosixQueue.create(uniqueName('small'), { maxMessages: 1, maxMessageBytes: 31 });
  expect(() => PosixQueue.open(queue.name ?? '', { spillBytes: 100 })).toThrow(
    expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }),
  );
  queue.unlink();
});

describe('docs/wire-formats/posix-spill.json', () => {
  const vectors = JSON.parse(
    readFileSync(new URL('../../../docs/wire-formats/posix-spill.json', import.meta.url), 'utf8'),
  ) as {
    readonly references: readonly { readonly id: string; readonly length: number; readonly bytes: string }[];
    readonly payloads: readonly { readonly what: string; readonly bytes: string }[];
  };

  test.each(vectors.references)('a reference to $length bytes', ({ id, length, bytes }) => {
    const reference = { id: BigInt(`0x${id}`), length };
    expect(Buffer.from(encodeSpillReference(reference)).toString('hex')).toBe(bytes);
    expect(decodeSpillReference(Buffer.from(bytes, 'hex'))).toEqual(reference);
  });

  test.each(vectors.payloads)('$what is no reference', ({ bytes }) => {
    expect(looksLikeSpillReference(Buffer.from(bytes, 'hex'))).toBe(false);
  });

  test('the region is of kind mq-spill, version 1, by the device and inode of the queue', () => {
    using parties = spilling();
    const { queue, payloads } = parties;
    queue.trySend(pattern(77));
    const [name = ''] = payloads();
    expect(name).toMatch(/^[0-9a-f]+-[0-9a-f]+-[0-9a-f]{16}$/);
    using region = Region.open(name, { kind: 'mq-spill', version: 1, readOnly: true });
    expectBytes(new Uint8Array(region.bytesView), pattern(77));
    queue.tryReceive();
  });
});
