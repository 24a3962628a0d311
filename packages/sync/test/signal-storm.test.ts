import { setTimeout } from 'node:timers/promises';
import { Barrier, Event, Latch, Mutex, Semaphore } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/any-party.js', import.meta.url);
noLockLeaks();

/** SIGALRM about every millisecond, for as long as `work` takes. */
async function stormFor<Result>(peer: Peer, work: Promise<Result>): Promise<Result> {
  const calm = new AbortController();
  const storm = (async () => {
    while (!calm.signal.aborted) {
      process.kill(peer.pid, 'SIGALRM');
      await setTimeout(1);
    }
  })();
  try {
    return await work;
  } finally {
    calm.abort();
    await storm;
  }
}

test('a storm of signals wakes nobody early, ends no wait and is no error', { timeout: 60_000 }, async () => {
  const name = lockName();
  using mutex = Mutex.openOrCreate(name);
  using semaphore = Semaphore.openOrCreate(name);
  using event = Event.openOrCreate(name);
  using latch = Latch.openOrCreate(name, { count: 1 });
  using barrier = Barrier.openOrCreate(name, { parties: 2 });
  const held = mutex.acquireSync();
  const permit = semaphore.acquireSync();
  await using peer = await spawnPeer(party);
  await peer.call('hearAlarms');
  for (const [kind, method, options] of [
    ['Mutex', 'acquireSync', {}],
    ['Semaphore', 'acquireSync', {}],
    ['Event', 'waitSync', {}],
    ['Latch', 'waitSync', { count: 1 }],
    ['Barrier', 'waitSync', { parties: 2 }],
  ] as const) {
    await peer.call('open', kind, name, options);
    const { tookMs, came } = (await stormFor(peer, peer.call('block', method, 150))) as {
      tookMs: number;
      came: boolean;
    };
    expect([kind, came, tookMs >= 150]).toEqual([kind, false, true]);
  }
  expect([event.isSet, latch.left, barrier.arrived]).toEqual([false, 1, 0]);

  await peer.call('open', 'Semaphore', name, {});
  const waited = peer.call('block', 'acquireSync', 1e9);
  await stormFor(
    peer,
    (async () => {
      while (semaphore.waiters.length === 0) await setTimeout(1);
      permit.release();
      await waited;
    })(),
  );
  expect(await waited).toMatchObject({ came: true });
  held.release();
});
