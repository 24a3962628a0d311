import { readFileSync } from 'node:fs';
import { Region } from '@ipc/shm';
import { SharedQueue } from '@ipc/mq';
import { noLeaks, uniqueName } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { encodeWork } from '../src/work-envelope.ts';

noLeaks();

interface Vectors {
  readonly options: object;
  readonly regions: readonly {
    readonly step: string;
    readonly options?: object;
    readonly words: Readonly<Record<string, number>>;
  }[];
  readonly work: readonly {
    readonly kind: number;
    readonly id: string;
    readonly payload: string;
    readonly bytes: string;
  }[];
}

const file = new URL('../../../docs/wire-formats/queue.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

const long = new Uint8Array(1500).fill(7);

/** What brings a queue into the state of a vector. */
const steps: Record<string, (queue: SharedQueue) => void> = {
  new: () => undefined,
  'one of 3 bytes, priority 33': (queue) => void queue.trySend(Uint8Array.of(1, 2, 3), { priority: 33 }),
  'one of 1,500 bytes, priority 1': (queue) => void queue.trySend(long, { priority: 1 }),
  leased: (queue) => {
    queue.trySend(Uint8Array.of(1));
    queue.tryReceive({ leaseMs: 1e6 });
  },
  'one of 1,500 bytes, priority 1, sent and received': (queue) => {
    queue.trySend(long, { priority: 1 });
    queue.tryReceive();
  },
  'one in the ring': (queue) => void queue.trySend(Uint8Array.of(1, 2, 3)),
  'one of 1,500 bytes in the ring': (queue) => void queue.trySend(long),
  'one of 1,500 bytes through the ring': (queue) => {
    queue.trySend(long);
    queue.tryReceive();
  },
  'through the ring': (queue) => {
    queue.trySend(Uint8Array.of(1, 2, 3));
    queue.tryReceive();
  },
  'leased in the ring': (queue) => {
    queue.trySend(Uint8Array.of(1, 2, 3));
    queue.tryReceive({ leaseMs: 1e6 });
  },
  'acknowledged in the ring': (queue) => {
    queue.trySend(Uint8Array.of(1, 2, 3));
    queue.tryReceive({ leaseMs: 1e6 })?.acknowledge();
  },
  'released from the ring': (queue) => {
    queue.trySend(long);
    queue.tryReceive({ leaseMs: 1e6 })?.release();
  },
  'behind the ring': (queue) => {
    queue.trySend(Uint8Array.of(1, 2, 3));
    queue.trySend(Uint8Array.of(4), { ttlMs: 1e6 });
  },
};

describe('docs/wire-formats/queue.json', () => {
  test.each(vectors.regions)('$step', ({ step, options = vectors.options, words }) => {
    const name = uniqueName('vector');
    using queue = SharedQueue.create(name, options);
    using region = Region.open(name, { kind: 'queue', version: 5, readOnly: true });
    queue.unlink();
    steps[step]?.(queue);
    for (const [word, value] of Object.entries(words))
      expect(region.view.getUint32(4 * Number(word), true), `word ${word}`).toBe(value);
  });

  test.each(vectors.work)('work of kind $kind', ({ kind, id, payload, bytes }) => {
    const message = encodeWork(kind, BigInt(id), Buffer.from(payload, 'hex'));
    expect(Buffer.from(message).toString('hex')).toBe(bytes);
  });
});
