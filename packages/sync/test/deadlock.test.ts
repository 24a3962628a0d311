import { findDeadlocks, Mutex, RwLock, type Deadlock } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/two-locks.js', import.meta.url);
noLockLeaks();

async function partyOf(kind: string, holds: string, wants: string): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('take', kind, holds, wants);
  return peer;
}

/** The one that concerns these locks, once all who want one have said so in shared memory. */
async function deadlockOf(...names: string[]): Promise<Deadlock> {
  for (;;) {
    const [deadlock, ...others] = deadlocksOf(...names);
    expect(others).toEqual([]);
    if (deadlock !== undefined) return deadlock;
    await new Promise(setImmediate);
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
  while (second.waiters.length === 0) await new Promise(setImmediate);
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
  while (second.owner?.pid === one.pid || first.owner?.pid !== two.pid) await new Promise(setImmediate);
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
