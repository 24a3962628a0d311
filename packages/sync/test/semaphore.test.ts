import { Semaphore } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/party.js', import.meta.url);

noLockLeaks();

async function partyOf(name: string, permits: number, onDeath: 'return' | 'stay'): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('openSemaphore', name, permits, onDeath);
  return peer;
}

describe('one thread', () => {
  test('as many holders as there are permits, several at once', () => {
    const name = lockName();
    using a = Semaphore.openOrCreate(name, { permits: 3 });
    using b = Semaphore.open(name);
    const two = a.tryAcquire(2);
    expect(two?.permits).toBe(2);
    expect(b.tryAcquire(2)).toBeUndefined();
    expect(b.available).toBe(1);
    const one = b.tryAcquire();
    expect(a.available).toBe(0);
    expect(a.tryAcquire()).toBeUndefined();
    two?.release();
    two?.release();
    expect(b.available).toBe(2);
    one?.release();
    expect(b.available).toBe(3);
  });

  test('waits on the event loop and in the thread, and gives up when told', async () => {
    const name = lockName();
    using a = Semaphore.openOrCreate(name);
    using b = Semaphore.open(name);
    const held = a.acquireSync();
    expect(b.acquireSync({ timeoutMs: 10 })).toBeUndefined();
    const abort = new AbortController();
    const aborted = b.acquire({ signal: abort.signal });
    const waiting = b.acquire();
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    held.release();
    (await waiting).release();
    expect(a.available).toBe(1);
  });

  test('thousands of pending acquires all come through, never more than the permits', async () => {
    const name = lockName();
    using a = Semaphore.openOrCreate(name, { permits: 3 });
    using b = Semaphore.open(name);
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 2000 }, (_, index) =>
        (index % 2 === 0 ? a : b).withPermit(async () => {
          most = Math.max(most, ++inside);
          if (index % 50 === 0) await new Promise(setImmediate);
          else await Promise.resolve();
          inside--;
        }),
      ),
    );
    expect(most).toBeLessThanOrEqual(3);
    expect(a.available).toBe(3);
  });

  test('closing gives the permits held back, and fails those who wait', async () => {
    const name = lockName();
    using a = Semaphore.openOrCreate(name);
    const b = Semaphore.open(name);
    const permit = b.acquireSync();
    const served = a.acquire();
    const failed = b.acquire();
    b.close();
    await expect(failed).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
    (await served).release();
    permit.release(); // closing has given it back
    expect(a.available).toBe(1);
    expect(() => b.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
  });

  test('with stay, anybody may release: a signal', async () => {
    const name = lockName();
    using a = Semaphore.openOrCreate(name, { permits: 0, onDeath: 'stay' });
    using b = Semaphore.open(name);
    expect(a.tryAcquire()).toBeUndefined();
    const waiting = a.acquire({ permits: 2 });
    b.release();
    b.release(2);
    await waiting;
    expect(b.available).toBe(1);
    expect(() => {
      b.release(1_000_000_000);
    }).toThrow(RangeError);
    expect(b.available).toBe(1);
  });

  test('wrong arguments are the caller’s bugs, other options a mismatch', () => {
    const name = lockName();
    using semaphore = Semaphore.openOrCreate(name, { permits: 2 });
    for (const permits of [0, -1, 1.5, 3, NaN])
      expect(() => semaphore.tryAcquire(permits)).toThrow(RangeError);
    for (const permits of [0, -1, 1.5, 1e10])
      expect(() => Semaphore.openOrCreate(lockName(), { permits })).toThrow(RangeError);
    expect(() => {
      semaphore.release();
    }).toThrow(TypeError);
    const mismatch: unknown = expect.objectContaining({ code: 'ERR_IPC_MISMATCH' });
    expect(() => Semaphore.openOrCreate(name, { permits: 3 })).toThrow(mismatch);
    expect(() => Semaphore.openOrCreate(name, { permits: 2, onDeath: 'stay' })).toThrow(mismatch);
  });
});

describe('processes', () => {
  test('permits of a killed holder are free at once, for those who wait too', async () => {
    const name = lockName();
    using semaphore = Semaphore.openOrCreate(name, { permits: 4 });
    await using peer = await partyOf(name, 4, 'return');
    await peer.call('takePermits', 3);
    expect(semaphore.available).toBe(1);
    const waiting = semaphore.acquire({ permits: 4 });
    await peer.kill('SIGKILL');
    (await waiting).release();
    expect(semaphore.available).toBe(4);
  });

  test('a blocking wait hears of the death, too', async () => {
    const name = lockName();
    using semaphore = Semaphore.openOrCreate(name, { permits: 1 });
    await using peer = await partyOf(name, 1, 'return');
    await peer.call('takePermits', 1);
    peer.process.kill('SIGKILL');
    expect(semaphore.acquireSync().permits).toBe(1);
  });

  test('with stay, the permits of a killed holder stay taken', async () => {
    const name = lockName();
    using semaphore = Semaphore.openOrCreate(name, { permits: 4, onDeath: 'stay' });
    await using peer = await partyOf(name, 4, 'stay');
    await peer.call('takePermits', 3);
    await peer.kill('SIGKILL');
    expect(semaphore.tryAcquire(2)).toBeUndefined();
    semaphore.release(3);
    expect(semaphore.tryAcquire(4)?.permits).toBe(4);
  });

  test('a signal wakes another process, and it another', async () => {
    const name = lockName();
    using semaphore = Semaphore.openOrCreate(name, { permits: 0, onDeath: 'stay' });
    await using a = await partyOf(name, 0, 'stay');
    await using b = await partyOf(name, 0, 'stay');
    const woken = Promise.all([a.call('takePermits', 1), b.call('takePermits', 2)]);
    semaphore.release(3);
    await woken;
    expect(semaphore.available).toBe(0);
  });

  test('a stopped holder keeps its permits', async () => {
    const name = lockName();
    using semaphore = Semaphore.openOrCreate(name, { permits: 1 });
    await using peer = await partyOf(name, 1, 'return');
    await peer.call('takePermits', 1);
    peer.stop();
    expect(semaphore.acquireSync({ timeoutMs: 200 })).toBeUndefined();
    peer.resume();
    const next = semaphore.acquire();
    await peer.call('returnPermits');
    expect((await next).permits).toBe(1);
  });
});
