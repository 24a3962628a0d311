import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';
import { waitersAre } from './waiters-are.ts';

const party = new URL('../dist-test/workers/any-party.js', import.meta.url);
noLockLeaks();

async function partyOf(name: string): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('open', 'Mutex', name, { fair: true });
  return peer;
}

describe('fair', () => {
  test('first come, first served, across objects, processes and spellings', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { fair: true });
    using other = Mutex.openOrCreate(name, { fair: true });
    await using a = await partyOf(name);
    await using b = await partyOf(name);
    const order: string[] = [];
    const queue = (label: string, acquired: Promise<unknown>, release: () => unknown): Promise<unknown> =>
      acquired.then(() => {
        order.push(label);
        return release();
      });
    const held = mutex.acquireSync();
    const all = [queue('a', a.call('invoke', 'acquireSync'), () => a.call('release'))];
    await waitersAre(mutex, 1);
    all.push(other.withLock(() => void order.push('here')));
    await waitersAre(mutex, 2);
    all.push(queue('b', b.call('invoke', 'acquire'), () => b.call('release')));
    await waitersAre(mutex, 3);
    all.push(other.withLock(() => void order.push('here, later')));
    all.push(mutex.withLock(() => void order.push('the owner again')));
    held.release();
    await Promise.all(all);
    expect(order).toEqual(['a', 'here', 'b', 'here, later', 'the owner again']);
  });

  test('nobody passes one whose turn it is, not even while it is stopped; its death lets the next one in', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { fair: true });
    using other = Mutex.openOrCreate(name, { fair: true });
    await using peer = await partyOf(name);
    const held = mutex.acquireSync();
    await peer.call('start', 'acquire');
    await waitersAre(mutex, 1);
    peer.stop();
    while (!readFileSync(`/proc/${peer.pid}/stat`, 'utf8').includes(' T ')) await setImmediate();
    const next = other.acquire();
    held.release();
    expect([mutex.tryAcquire(), other.tryAcquire()]).toEqual([undefined, undefined]);
    expect(mutex.acquireSync({ timeoutMs: 30 })).toBeUndefined();
    expect(mutex.owner).toBeUndefined();
    process.kill(peer.pid, 'SIGKILL'); // `peer.kill` lets it go on first
    const mine = await next;
    expect(mine.abandoned).toBe(false);
    mine.release();
    expect(mutex.tryAcquire()?.isHeld).toBe(true);
  });

  test('a thread that blocks while a caller of its event loop stands in line waits for its turn', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { fair: true });
    using other = Mutex.openOrCreate(name, { fair: true });
    await using peer = await partyOf(name);
    const held = mutex.acquireSync();
    const both = peer.call('waitTwice');
    await waitersAre(mutex, 1);
    const next = other.acquire();
    held.release();
    (await next).release();
    await both;
    expect((await other.acquire()).abandoned).toBe(false);
  });

  test('an abort, a time-out and a close leave the line', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { fair: true });
    using other = Mutex.openOrCreate(name, { fair: true });
    const third = Mutex.openOrCreate(name, { fair: true });
    const held = mutex.acquireSync();
    const abort = new AbortController();
    const aborted = other.acquire({ signal: abort.signal });
    const closed = third.acquire();
    const second = other.acquire();
    expect(third.acquireSync({ timeoutMs: 5 })).toBeUndefined();
    held.release();
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    third.close();
    await expect(closed).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
    (await second).release();
    expect(mutex.tryAcquire()?.isHeld).toBe(true);
  });

  test('a dead owner is followed by the first in line', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { fair: true });
    using other = Mutex.openOrCreate(name, { fair: true });
    await using peer = await partyOf(name);
    await peer.call('invoke', 'acquire');
    const order: [string, boolean][] = [];
    const first = other.withLock((held) => void order.push(['first', held.abandoned]));
    await setImmediate();
    const second = mutex.withLock((held) => void order.push(['second', held.abandoned]));
    await peer.kill('SIGKILL');
    await Promise.all([first, second]);
    expect(order).toEqual([
      ['first', true],
      ['second', false],
    ]);
  });

  test('everybody has to agree', () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { fair: true });
    expect(() => Mutex.openOrCreate(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }));
    using opened = Mutex.open(name);
    using held = mutex.acquireSync();
    expect(held.isHeld).toBe(true);
    void opened.acquire().catch(() => undefined);
    using region = Region.open(name, { kind: 'mutex' });
    expect(region.words[31]).toBe(1); // a ticket was drawn
  });
});

describe('recursive', () => {
  test('free after as many releases, in any order and spelling', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { recursive: true });
    using other = Mutex.openOrCreate(name);
    const first = mutex.acquireSync();
    const second = mutex.tryAcquire();
    const third = await mutex.acquire();
    const fourth = mutex.acquireSync({ timeoutMs: 0 });
    const next = other.acquire();
    first.release();
    first.release();
    fourth?.release();
    second?.release();
    expect([other.isHeld, mutex.isHeld]).toEqual([false, true]);
    third.release();
    (await next).release();
    const inner = await mutex.withLock(() => mutex.withLock(() => mutex.withLock(() => other.tryAcquire())));
    expect(inner).toBeUndefined();
    expect(other.tryAcquire()?.isHeld).toBe(true);
  });

  test('the owner of a fair one takes it again, whoever stands in line; nobody else passes them', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { recursive: true, fair: true });
    using other = Mutex.openOrCreate(name, { fair: true });
    const first = mutex.tryAcquire();
    const next = other.acquire();
    const second = mutex.tryAcquire();
    const third = await mutex.acquire();
    first?.release();
    second?.release();
    expect([second?.isHeld, third.isHeld, other.isHeld]).toEqual([false, true, false]);
    third.release();
    expect(mutex.tryAcquire()).toBeUndefined();
    (await next).release();
    expect(mutex.tryAcquire()?.isHeld).toBe(true);
  });

  test('an owner that is killed two deep is told of once', async () => {
    const name = lockName();
    using mutex = Mutex.openOrCreate(name, { recursive: true });
    await using peer = await spawnPeer(party);
    await peer.call('open', 'Mutex', name, { recursive: true });
    await peer.call('invoke', 'acquire');
    await peer.call('invoke', 'acquire');
    const next = mutex.acquire();
    await peer.kill('SIGKILL');
    const held = await next;
    const again = mutex.tryAcquire();
    expect([held.abandoned, again?.abandoned]).toEqual([true, true]); // still the same possession
    again?.release();
    held.release();
    expect(mutex.tryAcquire()?.abandoned).toBe(false);
  });

  test('without the option the owner waits for itself', () => {
    using mutex = Mutex.openOrCreate(lockName());
    using held = mutex.acquireSync();
    expect(held.isHeld).toBe(true);
    expect(mutex.tryAcquire()).toBeUndefined();
  });
});
