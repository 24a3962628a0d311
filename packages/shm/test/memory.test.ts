import {
  Counters,
  LatestWriter,
  LoanPublisher,
  MpscSender,
  Producer,
  Publisher,
  Region,
  ringBytes,
  SharedMap,
} from '@ipc/shm';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { expect, test } from 'vitest';

noLeaks();

const lifetime = 'while-open';
const up = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

test('a ring takes what the table says', () => {
  expect(ringBytes(4096)).toBe(384 + 4096);
});

/** What the README's table says, line by line. */
test.each([
  {
    kind: 'latest',
    open: (name: string) => LatestWriter.open(name, { maxBytes: 121, lifetime }),
    bytes: 256 + 4 * up(8 + 121, 128) + 16 * 128,
  },
  {
    kind: 'broadcast',
    open: (name: string) =>
      Publisher.open(name, { slots: 8, maxMessageBytes: 57, overflow: 'lap', lifetime }),
    bytes: 640 + 8 * up(8 + 57, 64) + 64 * 128,
  },
  {
    kind: 'mpmc',
    open: (name: string) => Producer.open(name, { slots: 4, maxMessageBytes: 56, participants: 3, lifetime }),
    bytes: 640 + 4 * up(8 + 56, 64) + 3 * 128,
  },
  {
    kind: 'mpsc',
    open: (name: string) => MpscSender.open(name, { capacityBytes: 4096, lifetime }),
    bytes: 640 + 64 * 68 + 64 * 128,
  },
  {
    kind: 'pool',
    open: (name: string) => LoanPublisher.open(name, { chunks: 3, chunkBytes: 5000, lifetime }),
    bytes: up(128 + 640 + 16 * 128 + up(3 * 64, 128) + 4 * 4, 4096) - 128 + 3 * up(5000, 4096),
  },
  {
    kind: 'map',
    open: (name: string) => SharedMap.open(name, { capacity: 200, keyBytes: 9, valueBytes: 1, lifetime }),
    bytes: 1152 + 2 * (128 + (200 + 2) * (8 + 16 + 2 * 8)),
  },
  {
    kind: 'counters',
    open: (name: string) => Counters.open(name, { capacity: 33, lifetime }),
    bytes: 4224 + 33 * 256 + up(33 * 4, 128),
  },
])('a $kind takes what the table says', async ({ kind, open, bytes }) => {
  const name = uniqueName('memory');
  const end = open(name);
  try {
    using region = Region.open(name, { kind });
    expect(region.bytes).toBe(bytes);
  } finally {
    await end.close();
  }
});
