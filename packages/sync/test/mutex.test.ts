import { Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/party.js', import.meta.url);
noLockLeaks();

async function partyOf(name: string, label?: string): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('openMutex', name, label);
  return peer;
}

describe('one thread', () => {
  test('one owner at a time, and release lets the next one in', () => {
    const name = lockName();
    using a = Mutex.openOrCreate(name);
    using b = Mutex.openOrCreate(name);
    expect([a.created, b.created]).toEqual([true, false]);
    const held = a.tryAcquire();
    expect(held).toMatchObject({ abandoned: false, isHeld: true });
    expect(a.tryAcquire()).toBeUndefined();
    expect(b.tryAcquire()).toBeUndefined();
    held?.release();
    held?.release();
    expect(held?.isHeld).toBe(false);
    using other = b.tryAcquire();
    expect(other).toMatchObject({ abandoned: false });
  });

  test('an acquire on a free lock is settled without a turn of the event loop', async () => {
    using mutex = Mutex.openOrCreate(lockName());
    const order: string[] = [];
    setImmediate(() => order.push('turn'));
    void mutex.acquire().then(() => order.push('acquired'));
    await Promise.resolve();
    expect(order).toEqual(['acquired']);
  });

  test('thousands of pending acquires are served in order, one at a time', async () => {
    using mutex = Mutex.openOrCreate(lockName());
    const order: number[] = [];
    let inside = 0;
    await Promise.all(
      Array.from({ length: 5000 }, (_, index) =>
        mutex.withLock(async () => {
          expect(++inside).toBe(1);
          order.push(index);
          if (index % 100 === 0) await new Promise(setImmediate);
          inside--;
        }),
      ),
    );
    expect(order).toEqual(Array.from({ length: 5000 }, (_, index) => index));
  });

  test('two objects of one thread hand the lock to and fro', async () => {
    const name = lockName();
    using a = Mutex.openOrCreate(name);
    using b = Mutex.openOrCreate(name);
    let count = 0;
    const work = async (mutex: Mutex): Promise<void> => {
      for (let i = 0; i < 200; i++) {
        await mutex.withLock(async () => {
          const seen = count;
          await new Promise(setImmediate);
          count = seen + 1;
        });
      }
    };
    await Promise.all([work(a), work(b), work(a)]);
    expect(count).toBe(600);
  });

  test('an abort leaves the lock as if never asked', async () => {
    const name = lockName();
    using a = Mutex.openOrCreate(name);
    using b = Mutex.openOrCreate(name);
    const held = a.acquireSync();
    const abort = new AbortController();
    const first = b.acquire({ signal: abort.signal });
    const second = b.acquire();
    const reason = new Error('enough');
    abort.abort(reason);
    await expect(first).rejects.toBe(reason);
    await expect(b.acquire({ signal: abort.signal })).rejects.toBe(reason);
    held.release();
    (await second).release();
    expect(a.tryAcquire()?.abandoned).toBe(false);
  });

  test('a blocking wait gives up when its time is over', () => {
    const name = lockName();
    using a = Mutex.openOrCreate(name);
    using b = Mutex.openOrCreate(name);
    const held = a.acquireSync();
    expect(b.acquireSync({ timeoutMs: 20 })).toBeUndefined();
    expect(b.acquireSync({ timeoutMs: 0 })).toBeUndefined();
    held.release();
    expect(b.acquireSync({ timeoutMs: 0 })?.isHeld).toBe(true);
  });

  test('blocking the thread for a lock that this thread holds is refused', () => {
    const name = lockName();
    using a = Mutex.openOrCreate(name);
    using b = Mutex.openOrCreate(name);
    using held = a.acquireSync();
    expect(held.isHeld).toBe(true);
    expect(() => a.acquireSync()).toThrow(TypeError);
    expect(() => b.acquireSync()).toThrow(TypeError);
  });

  test('withLock releases when the work throws', async () => {
    using mutex = Mutex.openOrCreate(lockName());
    await expect(mutex.withLock(() => Promise.reject(new Error('work')))).rejects.toThrow('work');
    expect(mutex.isHeld).toBe(false);
  });
});

describe('closing', () => {
  test('a held mutex is handed on as abandoned, at once', async () => {
    const name = lockName();
    using a = Mutex.openOrCreate(name);
    const b = Mutex.openOrCreate(name);
    const held = b.acquireSync();
    const next = a.acquire();
    b.close();
    expect((await next).abandoned).toBe(true);
    held.release(); // has nothing left to release
    expect(a.isHeld).toBe(true);
  });

  test('every call on a closed mutex says so', async () => {
    const name = lockName();
    using other = Mutex.openOrCreate(name);
    using held = other.acquireSync();
    expect(held.isHeld).toBe(true);
    const mutex = Mutex.openOrCreate(name);
    const pending = mutex.acquire();
    mutex.close();
    mutex.close();
    const closed = { code: 'ERR_IPC_CLOSED' };
    await expect(pending).rejects.toMatchObject(closed);
    await expect(mutex.acquire()).rejects.toMatchObject(closed);
    await expect(mutex.withLock(() => 1)).rejects.toMatchObject(closed);
    for (const call of [() => mutex.tryAcquire(), () => mutex.acquireSync(), () => mutex.owner]) {
      expect(call).toThrow(expect.objectContaining(closed));
    }
  });

  test('the last one removes the name, unless the lock is abandoned', () => {
    const name = lockName();
    Mutex.create(name).close();
    expect(() => Mutex.open(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_NOT_FOUND' }));

    const mutex = Mutex.create(name);
    mutex.acquireSync();
    mutex.close();
    using again = Mutex.open(name);
    expect(again.tryAcquire()?.abandoned).toBe(true);
    expect(Mutex.unlink(name)).toBe(true);
    expect(Mutex.unlink(name)).toBe(false);
  });
});

describe('recovery', () => {
  test('nobody gets in before a repair has succeeded', () => {
    const name = lockName();
    using keeper = Mutex.openOrCreate(name);
    const dead = Mutex.openOrCreate(name);
    dead.acquireSync();
    dead.close();
    let repairs = 0;
    using mutex = Mutex.openOrCreate(name, {
      repair() {
        if (++repairs < 3) throw new Error(`repair ${repairs}`);
      },
    });
    expect(() => mutex.tryAcquire()).toThrow('repair 1');
    expect(() => mutex.acquireSync()).toThrow('repair 2');
    const held = mutex.acquireSync();
    expect(held.abandoned).toBe(true);
    held.release();
    expect(repairs).toBe(3);
    expect(keeper.tryAcquire()?.abandoned).toBe(false);
  });

  test('a lock given up says so to everybody', async () => {
    const name = lockName();
    using a = Mutex.openOrCreate(name);
    using b = Mutex.openOrCreate(name);
    const held = a.acquireSync();
    const pending = b.acquire();
    a.markUnrecoverable(held);
    await expect(pending).rejects.toMatchObject({ code: 'ERR_IPC_CORRUPT' });
    expect(() => a.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
    expect(() => {
      a.markUnrecoverable(held);
    }).toThrow(TypeError);
    Mutex.unlink(name);
  });
});

describe('processes', () => {
  test('exclude each other, and wait for each other', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    await using peer = await partyOf(name, 'the other');
    const held = mutex.acquireSync();
    expect(await peer.call('tryAcquire')).toBeUndefined();
    const acquired = peer.call('acquire');
    held.release();
    expect(await acquired).toBe(false);
    expect(mutex.tryAcquire()).toBeUndefined();
    expect(mutex.owner).toMatchObject({ pid: peer.pid, alive: true, label: 'the other' });
    const next = mutex.acquire();
    expect(mutex.waiters).toEqual([expect.objectContaining({ pid: process.pid })]);
    await peer.call('release');
    expect((await next).abandoned).toBe(false);
    expect(mutex.waiters).toEqual([]);
  });

  test.each(['acquire', 'acquireSync'] as const)(
    '%s is told at once that the owner was killed',
    async (spelling) => {
      const name = lockName();
      using mutex = Mutex.openOrCreate(name);
      await using peer = await partyOf(name);
      await peer.call('acquire');
      await using second = await partyOf(name);
      const mine = mutex.acquire().then((held) => {
        held.release();
        return held.abandoned;
      });
      const theirs = second.call(spelling).then(async (abandoned) => {
        await second.call('release');
        return abandoned;
      });
      await peer.kill('SIGKILL');
      expect((await Promise.all([mine, theirs])).sort()).toEqual([false, true]);
    },
  );

  test('tryAcquire takes over from a dead owner whom nobody waited for', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    await using peer = await partyOf(name);
    await peer.call('acquire');
    await peer.kill('SIGKILL');
    expect(mutex.owner).toMatchObject({ pid: peer.pid, alive: false });
    const held = mutex.tryAcquire();
    expect(held?.abandoned).toBe(true);
    held?.release();
    expect(mutex.tryAcquire()?.abandoned).toBe(false);
  });

  test('the killed last owner leaves word to who opens the name next', async () => {
    const name = lockName();
    await using peer = await partyOf(name);
    await peer.call('acquire');
    await peer.kill('SIGKILL');
    using mutex = Mutex.openOrCreate(name);
    const held = mutex.acquireSync();
    expect(held.abandoned).toBe(true);
    held.release();
  });

  test('a killed waiter is as if it never asked', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    using other = Mutex.openOrCreate(name);
    const held = mutex.acquireSync();
    await using peer = await partyOf(name);
    await peer.call('startToAcquire');
    const next = other.acquire();
    await peer.kill('SIGKILL');
    held.release();
    expect((await next).abandoned).toBe(false);
  });

  test('a stopped owner keeps the lock', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    await using peer = await partyOf(name);
    await peer.call('acquire');
    peer.stop();
    expect(mutex.acquireSync({ timeoutMs: 300 })).toBeUndefined();
    expect(mutex.tryAcquire()).toBeUndefined();
    const next = mutex.acquire();
    peer.resume();
    await peer.call('release');
    expect((await next).abandoned).toBe(false);
  });

  test('an owner that exits without releasing hands the lock on', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    await using peer = await partyOf(name);
    await peer.call('acquire');
    const next = mutex.acquire();
    peer.call('exit', 0).catch(() => undefined);
    expect((await next).abandoned).toBe(true);
  });

  test('pending acquires of two processes all come through', async () => {
    const name = lockName();
    await using a = await partyOf(name);
    await using b = await partyOf(name);
    const rounds = async (peer: Peer): Promise<void> => {
      for (let i = 0; i < 100; i++) {
        await peer.call('acquire');
        await peer.call('release');
      }
    };
    await Promise.all([rounds(a), rounds(b)]);
    await a.call('close');
    await b.call('close');
  });
});

describe('worker threads', () => {
  test.each(['idle', 'blocked', 'busy'])(
    'a terminated thread that was %s hands its lock on',
    async (mode) => {
      const name = lockName();
      using mutex = Mutex.openOrCreate(name);
      using blocker = Mutex.openOrCreate(`${name}.other`);
      using blocked = blocker.acquireSync();
      expect(blocked.isHeld).toBe(true);
      await using peer = await spawnPeer(party);
      expect(await peer.call('startThread', name, mode)).toBe(false);
      expect(mutex.tryAcquire()).toBeUndefined();
      const next = mutex.acquire();
      await peer.call('terminateThread');
      expect((await next).abandoned).toBe(true);
    },
  );

  test('a thread is a party of its own, and its end frees what it held', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    await using peer = await spawnPeer(party);
    await peer.call('startThread', name, 'exit');
    expect((await mutex.acquire()).abandoned).toBe(true);
  });
});

describe('in a region', () => {
  test('several locks share one region, also without a name', () => {
    const bytes = Mutex.bytes(4);
    using region = Region.anonymous({ kind: 'user', bytes: bytes * 2 });
    using a = Mutex.in(region, 0, { participants: 4 });
    using b = Mutex.in(region, bytes, { participants: 4 });
    using again = Mutex.in(region, 0, { participants: 4 });
    expect([a.created, b.created, again.created]).toEqual([true, true, false]);
    using held = a.acquireSync();
    expect(held.isHeld).toBe(true);
    expect(again.tryAcquire()).toBeUndefined();
    expect(b.tryAcquire()?.isHeld).toBe(true);
    expect(() => Mutex.in(region, 32, { participants: 4 })).toThrow(RangeError);
    expect(() => Mutex.in(region, bytes * 2, { participants: 4 })).toThrow(RangeError);
  });
});

describe('limits and damage', () => {
  test('a full table names the limit, and a closed participant makes room', () => {
    const name = lockName();
    using a = Mutex.openOrCreate(name, { participants: 2 });
    const b = Mutex.openOrCreate(name, { participants: 2 });
    expect(a.created && !b.created).toBe(true);
    expect(() => Mutex.open(name)).toThrow(
      expect.objectContaining({
        code: 'ERR_IPC_LIMIT',
        message: expect.stringContaining('all 2 participants') as string,
      }),
    );
    b.close();
    Mutex.open(name).close();
  });

  test('the slots of the killed are used again', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { participants: 2 });
    for (let round = 0; round < 3; round++) {
      await using peer = await partyOf(name);
      await peer.call('acquire');
      await peer.kill('SIGKILL');
    }
    using other = Mutex.open(name);
    const held = other.tryAcquire();
    expect(held?.abandoned).toBe(true);
    held?.release();
    expect(mutex.tryAcquire()?.abandoned).toBe(false);
  });

  test('wrong arguments are the caller’s bugs', async () => {
    expect(() => Mutex.openOrCreate('a/b')).toThrow(TypeError);
    expect(() => Mutex.openOrCreate(lockName(), { participants: 0 })).toThrow(RangeError);
    expect(() => Mutex.openOrCreate(lockName(), { participants: 255 })).toThrow(RangeError);
    const name = lockName();
    using mutex = Mutex.create(name);
    expect(() => Mutex.create(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_EXISTS' }));
    await mutex.withLock(() => {
      expect(() => mutex.acquireSync({ timeoutMs: -1 })).toThrow(RangeError);
      expect(() => mutex.acquireSync({ timeoutMs: NaN })).toThrow(RangeError);
    });
  });

  test.each([
    ['magic', 0, 0],
    ['participants', 2, 255],
    ['participants', 2, -1],
    ['participants', 2, 200],
  ])('a damaged %s is found when opening', (_what, word, value) => {
    const name = lockName();
    using region = Region.create(name, { kind: 'mutex', bytes: Mutex.bytes(4) });
    expect(() => Mutex.open(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
    using mutex = Mutex.in(region, 0, { participants: 4 });
    expect(mutex.created).toBe(true);
    Atomics.store(region.words, word, value);
    expect(() => Mutex.open(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
    Region.unlink(name, 'mutex');
  });
});
