import { setTimeout } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import { findDeadlocks, Lease, Mutex, RwLock, Semaphore, type Deadlock } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/two-locks.js', import.meta.url);
noLockLeaks();

async function partyOf(kind: string, holds: string, wants: string, otherKind = kind): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('take', kind, holds, wants, otherKind);
  return peer;
}

/** The one that concerns these locks, once all who want one have said so in shared memory. */
async function deadlockOf(...names: string[]): Promise<Deadlock> {
  for (;;) {
    const [deadlock, ...others] = deadlocksOf(...names);
    expect(others).toEqual([]);
    if (deadlock !== undefined) return deadlock;
    await setTimeout(5);
  }
}

/** Those that concern these locks: other tests run, too. */
function deadlocksOf(...names: string[]): Deadlock[] {
  return findDeadlocks().filter(({ parties }) =>
    parties.some(({ holds }) => names.some((name) => holds.startsWith(name))),
  );
}

test('two processes that block on each other are found, with where they acquired', async () => {
  const [a, b] = [lockName(), lockName()];
  using first = Mutex.openOrCreate(a);
  using second = Mutex.openOrCreate(b);
  await using one = await partyOf('Mutex', a, b);
  await using two = await partyOf('Mutex', b, a);
  expect(deadlocksOf(a, b)).toEqual([]);
  await one.call('want', 'acquireSync');
  while (second.waiters.length === 0) await setTimeout(5);
  expect(deadlocksOf(a, b)).toEqual([]);
  await two.call('want', 'acquireSync');
  const deadlock = await deadlockOf(a, b);
  expect(deadlock.certain).toBe(true);
  const parties = [...deadlock.parties].sort((x, y) => x.holds.localeCompare(y.holds));
  const stack = expect.stringContaining('two-locks') as string;
  const heldMs = expect.any(Number) as number;
  expect(parties).toMatchObject([
    { pid: one.pid, holds: `${a}.mutex`, waitsFor: `${b}.mutex`, blocks: true, stack, heldMs },
    { pid: two.pid, holds: `${b}.mutex`, waitsFor: `${a}.mutex`, blocks: true, stack, heldMs },
  ]);
  expect(first.owner?.heldMs).toBeGreaterThanOrEqual(0);
  await one.kill('SIGKILL');
  while (second.owner?.pid === one.pid || first.owner?.pid !== two.pid) await setTimeout(5);
  expect(deadlocksOf(a, b)).toEqual([]);
});

test('three that wait on their event loops are suspected, and not certain', async () => {
  const [a, b, c] = [lockName(), lockName(), lockName()];
  using third = Mutex.openOrCreate(c);
  await using one = await partyOf('Mutex', a, b);
  await using two = await partyOf('Mutex', b, c);
  expect(third.tryAcquire()?.isHeld).toBe(true);
  using first = Mutex.openOrCreate(a);
  await one.call('want', 'acquire');
  await two.call('want', 'acquireSync');
  const mine = first.acquire();
  mine.catch(() => undefined);
  const deadlock = await deadlockOf(a, b, c);
  expect(deadlock.certain).toBe(false);
  expect(deadlock.parties.map(({ pid }) => pid).sort()).toEqual([one.pid, two.pid, process.pid].sort());
  expect(deadlock.parties.find(({ pid }) => pid === process.pid)).toMatchObject({
    holds: `${c}.mutex`,
    waitsFor: `${a}.mutex`,
    blocks: false,
    stack: undefined,
    heldMs: undefined,
  });
});

test('a reader and a writer of two reader-writer locks; two readers are none', async () => {
  const [a, b] = [lockName(), lockName()];
  using first = RwLock.openOrCreate(a);
  using second = RwLock.openOrCreate(b);
  const reading = second.shared.acquireSync();
  await using one = await partyOf('RwLock', a, b);
  await one.call('want', 'acquire');
  const abort = new AbortController();
  const mine = first.shared.acquire({ signal: abort.signal });
  mine.catch(() => undefined);
  expect((await deadlockOf(a, b)).parties).toHaveLength(2);
  abort.abort();
  reading.release();
  expect(deadlocksOf(a, b)).toEqual([]);
});

test(
  'through a semaphore, a lease and a mutex in the midst of somebody’s region',
  { timeout: 60_000 },
  async () => {
    const [a, b, c] = [lockName(), lockName(), lockName()];
    using region = Region.create(c, {
      kind: 'table',
      version: 7,
      bytes: 4096 + Mutex.bytes(),
      lifetime: 'while-open',
    });
    using mine = Mutex.in(region, 4096);
    using semaphore = Semaphore.openOrCreate(a);
    using lease = Lease.openOrCreate(b);
    const watching = lease.changes(); // who watches a leader does not wait for it
    await watching.next();
    void watching.next().catch(() => undefined);
    await using one = await partyOf('Semaphore', a, b, 'Lease');
    await using two = await partyOf('Lease', b, c, 'embedded');
    const held = mine.acquireSync();
    await one.call('want', 'acquire');
    await two.call('want', 'acquireSync');
    const abort = new AbortController();
    const last = semaphore.acquire({ signal: abort.signal });
    last.catch(() => undefined);
    const deadlock = await deadlockOf(a, b, c);
    expect(deadlock.parties.map(({ holds, waitsFor }) => `${holds} > ${waitsFor}`).sort()).toEqual(
      [
        `${a}.semaphore > ${b}.lease`,
        `${b}.lease > ${c}.table+4096`,
        `${c}.table+4096 > ${a}.semaphore`,
      ].sort(),
    );
    abort.abort();
    held.release();
    await expect(last).rejects.toBeDefined();
    expect(deadlocksOf(a, b, c)).toEqual([]);
  },
);

test('of a semaphore one waits for those without whose permits there are not enough', async () => {
  const [a, b] = [lockName(), lockName()];
  using semaphore = Semaphore.openOrCreate(a, { permits: 3 });
  using other = Semaphore.openOrCreate(a, { permits: 3 });
  using third = Semaphore.openOrCreate(a, { permits: 3 });
  const two = semaphore.acquireSync({ permits: 2 });
  const one = other.acquireSync();
  const enough = third.acquire({ permits: 1 }); // either may give it
  expect(deadlocksOf(a, b)).toEqual([]);
  const abort = new AbortController();
  const all = other.acquire({ permits: 3, signal: abort.signal });
  all.catch(() => undefined);
  expect((await deadlockOf(a, b)).certain).toBe(false);
  abort.abort();
  one.release();
  (await enough).release();
  two.release();
});
