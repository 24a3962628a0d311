import { readFileSync } from 'node:fs';
import { Region } from '@ipc/shm';
import { Barrier, Event, Latch, Mutex, RwLock, Semaphore } from '@ipc/sync';
import { describe, expect, test } from 'vitest';

interface Vectors {
  readonly bytes: readonly { readonly participants: number; readonly bytes: number }[];
  readonly areas: readonly {
    readonly kind: string;
    readonly step: string;
    readonly words: Readonly<Record<string, number | string>>;
  }[];
}

const file = new URL('../../../docs/wire-formats/lock.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

/** What brings a lock into the state of a vector. */
const steps: Record<string, (region: Region) => void> = {
  'mutex opened': (region) => void Mutex.in(region, 0),
  'mutex held': (region) => void Mutex.in(region, 0).acquireSync(),
  'mutex closed while held': (region) => {
    const mutex = Mutex.in(region, 0);
    mutex.acquireSync();
    mutex.close();
  },
  'semaphore opened': (region) => void Semaphore.in(region, 0, { permits: 5 }),
  'semaphore two held': (region) => void Semaphore.in(region, 0, { permits: 5 }).tryAcquire(2),
  'semaphore too few left': (region) => {
    const semaphore = Semaphore.in(region, 0, { permits: 5 });
    semaphore.tryAcquire(2);
    semaphore.tryAcquire(4);
  },
  'semaphore given back to who waits': (region) => {
    const semaphore = Semaphore.in(region, 0, { permits: 5 });
    const held = semaphore.tryAcquire(2);
    semaphore.tryAcquire(4);
    held?.release();
  },
  'rwlock reading twice': (region) => {
    const lock = RwLock.in(region, 0);
    lock.shared.acquireSync();
    lock.shared.acquireSync();
  },
  'rwlock writing': (region) => void RwLock.in(region, 0).exclusive.acquireSync(),
  'rwlock closed while writing': (region) => {
    const lock = RwLock.in(region, 0);
    lock.exclusive.acquireSync();
    lock.close();
  },
  'event set': (region) => {
    Event.in(region, 0, { reset: 'auto' }).set();
  },
  'barrier one arrived': (region) => {
    const barrier = Barrier.in(region, 0, { parties: 2 });
    barrier.wait().catch(() => undefined);
  },
  'latch counted once': (region) => void Latch.in(region, 0, { count: 3 }).countDown(),
};

describe('docs/wire-formats/lock.json', () => {
  test.each(vectors.bytes)('$participants participants take $bytes bytes', ({ participants, bytes }) => {
    expect(Mutex.bytes(participants)).toBe(bytes);
  });

  test.each(vectors.areas)('$kind, $step', ({ kind, step, words }) => {
    using region = Region.anonymous({ kind: 'vector', bytes: Mutex.bytes() });
    steps[`${kind} ${step}`]?.(region);
    expect(region.view.getUint32(0, true)).toBe(0x4c435049);
    for (const [offset, value] of Object.entries(words)) {
      expect(region.view.getUint32(Number(offset), true), `word at ${offset}`).toBe(Number(value));
    }
  });
});
