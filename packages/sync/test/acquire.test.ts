/** What `acquire` promises whatever the lock is. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Mutex, RwLock, Semaphore } from '@ipc/sync';
import { describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

noLockLeaks();

type Possession = AsyncDisposable & { release(): void };

interface Opened extends Disposable {
  acquire(options?: { signal?: AbortSignal }): Promise<Possession>;
  tryAcquire(): Possession | undefined;
}

function writerOf(lock: RwLock): Opened {
  return {
    acquire: (options) => lock.exclusive.acquire(options),
    tryAcquire: () => lock.exclusive.tryAcquire(),
    [Symbol.dispose]: () => {
      lock.close();
    },
  };
}

const kinds: Readonly<Record<string, (name: string) => Opened>> = {
  'a mutex': (name) => Mutex.openOrCreate(name),
  'a fair mutex': (name) => Mutex.openOrCreate(name, { fair: true }),
  'a semaphore': (name) => Semaphore.openOrCreate(name, { permits: 1 }),
  'a fair semaphore': (name) => Semaphore.openOrCreate(name, { permits: 1, fair: true }),
  'a writer': (name) => writerOf(RwLock.openOrCreate(name)),
  'a fair writer': (name) => writerOf(RwLock.openOrCreate(name, { fair: true })),
};

describe.each(Object.entries(kinds))('%s', (_kind, open) => {
  test('each caller goes on in its own async context, whoever let it in', async () => {
    const name = lockName();
    using lock = open(name);
    using other = open(name);
    const context = new AsyncLocalStorage<string>();
    const first = await other.acquire();
    const asks = (as: string): Promise<string | undefined> =>
      context.run(as, async () => {
        await using _held = await lock.acquire();
        return context.getStore();
      });
    const seen = Promise.all([asks('one'), asks('two')]);
    context.run('three', () => {
      first.release();
    });
    expect(await seen).toEqual(['one', 'two']);
    expect(context.getStore()).toBeUndefined();
  });

  test('a signal that was aborted before takes nothing', async () => {
    using lock = open(lockName());
    await expect(lock.acquire({ signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early');
    expect(lock.tryAcquire()).toBeDefined();
  });

  test('an abort in the turn of the release, before or after it, loses the lock for nobody', async () => {
    const name = lockName();
    using lock = open(name);
    using other = open(name);
    for (const abortsFirst of [true, false]) {
      const first = await lock.acquire();
      const abort = new AbortController();
      const here = lock.acquire({ signal: abort.signal }).then(
        (held) => {
          held.release();
        },
        () => undefined,
      );
      const there = other.acquire();
      if (abortsFirst) abort.abort();
      first.release();
      abort.abort();
      await here;
      (await there).release();
    }
    expect(lock.tryAcquire()).toBeDefined();
  });

  test('of thousands that wait those who do not give up are served in order', async () => {
    using lock = open(lockName());
    const first = await lock.acquire();
    const served: number[] = [];
    const abort = new AbortController();
    const all = Array.from({ length: 2000 }, async (_, index) => {
      try {
        const held = await lock.acquire(index % 3 === 0 ? { signal: abort.signal } : {});
        served.push(index);
        held.release();
      } catch (error) {
        if (index % 3 !== 0) throw error;
      }
    });
    abort.abort();
    first.release();
    await Promise.all(all);
    expect(served).toEqual(
      Array.from({ length: 2000 }, (_, index) => index).filter((index) => index % 3 !== 0),
    );
    expect(lock.tryAcquire()).toBeDefined();
  });

  test('the end of an `await using` block releases, also by an error', async () => {
    using lock = open(lockName());
    const failing = async (): Promise<void> => {
      await using _held = await lock.acquire();
      expect(lock.tryAcquire()).toBeUndefined();
      throw new Error('inside');
    };
    await expect(failing()).rejects.toThrow('inside');
    expect(lock.tryAcquire()).toBeDefined();
  });
});
