import { Condition, Mutex, Once } from '@ipc/sync';
import { spawnPeer } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/once-party.js', import.meta.url);

noLockLeaks();

describe('Once', () => {
  test('is done once, by one of many, and what fails was not done', async () => {
    const name = lockName();
    using a = Once.openOrCreate(name);
    using b = Once.openOrCreate(name);
    let runs = 0;
    await expect(a.run(() => Promise.reject(new Error('work')))).rejects.toThrow('work');
    expect(a.isDone).toBe(false);
    const work = async (): Promise<void> => {
      await new Promise(setImmediate);
      runs++;
    };
    const done = await Promise.all([a.run(work), b.run(work), a.run(work)]);
    expect(done.filter(Boolean)).toHaveLength(1);
    expect([runs, b.isDone, b.runSync(() => runs++)]).toEqual([1, true, false]);
    a.close();
    b.close();
    using again = Once.openOrCreate(name);
    expect(again.isDone).toBe(true); // the name stays
  });

  test('whoever is killed in it has not done it', async () => {
    const name = lockName();
    using once = Once.openOrCreate(name);
    await using peer = await spawnPeer(party);
    await peer.call('startForEver', name);
    const mine = once.run(() => undefined);
    await peer.kill('SIGKILL');
    expect(await mine).toBe(true);
  });
});

describe('Condition', () => {
  test('waits for what another process makes true, and holds the mutex again', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    using condition = Condition.openOrCreate(name);
    await using peer = await spawnPeer(party);
    let held = await mutex.acquire();
    const notified = peer.call('notifyUnderMutex', name); // gets the mutex only while we wait
    held = await condition.wait(mutex, held);
    expect([mutex.isHeld, held.isHeld]).toEqual([true, true]);
    await notified;
    held.release();
  });

  test('a notification wakes everybody; an abort or a time-out leaves the mutex free', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    using condition = Condition.openOrCreate(name);
    const woken = Promise.all(
      [1, 2, 3].map(async () => {
        (await condition.wait(mutex, await mutex.acquire())).release();
      }),
    );
    const held = await mutex.acquire();
    condition.notifyAll();
    held.release();
    await woken;

    const abort = new AbortController();
    const aborted = condition.wait(mutex, mutex.acquireSync(), { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(condition.waitSync(mutex, mutex.acquireSync(), { timeoutMs: 5 })).toBeUndefined();
    const free = mutex.tryAcquire();
    expect(free?.isHeld).toBe(true);
    free?.release();
    await expect(condition.wait(mutex, held)).rejects.toThrow(TypeError);
  });

  test('one has to hold the mutex one names, and a recursive one once', async () => {
    using mutex = Mutex.openOrCreate(lockName(), { recursive: true });
    using other = Mutex.openOrCreate(lockName());
    using condition = Condition.openOrCreate(lockName());
    const [held, notIt] = [mutex.acquireSync(), other.acquireSync()];
    await expect(condition.wait(mutex, notIt)).rejects.toThrow(TypeError);
    const again = mutex.acquireSync();
    expect(() => condition.waitSync(mutex, again, { timeoutMs: 0 })).toThrow(TypeError);
    again.release();
    expect([mutex.isHeld, notIt.isHeld]).toEqual([true, true]);
    expect(condition.waitSync(mutex, held, { timeoutMs: 0 })).toBeUndefined();
    expect(mutex.isHeld).toBe(false);
  });

  test('a waiter that is killed takes no notification away', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    using condition = Condition.openOrCreate(name);
    await using peer = await spawnPeer(party);
    await peer.call('startToWait', name);
    const waiting = condition.wait(mutex, await mutex.acquire());
    await peer.kill('SIGKILL');
    condition.notifyAll();
    (await waiting).release();
  });

  test('a notifier that is killed in the mutex is told of, to one that waited', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    using condition = Condition.openOrCreate(name);
    await using peer = await spawnPeer(party);
    const waiting = condition.wait(mutex, await mutex.acquire());
    await peer.call('notifyAndHold', name);
    await peer.kill('SIGKILL');
    const held = await waiting;
    expect(held.abandoned).toBe(true);
    held.release();
  });
});
