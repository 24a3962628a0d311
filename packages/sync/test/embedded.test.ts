/** Locks at offsets of a region that is somebody's own structure, shared by processes. */
import { Region } from '@ipc/shm';
import { Barrier, Condition, Event, Latch, Lease, Mutex, Once, RwLock, Semaphore } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/any-party.js', import.meta.url);
const threadParty = new URL('../dist-test/workers/any-thread.js', import.meta.url);
noLockLeaks();

const options = { participants: 4 };
const bytes = Mutex.bytes(4);

/** The user's own line, and room for ten locks behind it. */
function openRegion(name: string): Region {
  return Region.create(name, { kind: 'user', bytes: 64 + 10 * bytes, lifetime: 'while-open' });
}

async function partyIn(name: string, program = party): Promise<Peer> {
  const peer = await spawnPeer(program);
  await peer.call('openRegion', name);
  return peer;
}

test.each([
  ['process that has it is killed', party, (peer: Peer) => peer.kill('SIGKILL')],
  ['thread that has it is terminated', threadParty, (peer: Peer) => peer.call('terminate')],
])('every kind keeps its promise when the %s', async (_end, program, end) => {
  const name = lockName();
  using region = openRegion(name);
  await using peer = await partyIn(name, program);
  let offset = 64 - bytes;
  const place = async (kind: string, more: object = {}): Promise<number> => {
    offset += bytes;
    await peer.call('openIn', kind, offset, { ...options, ...more });
    return offset;
  };

  using mutex = Mutex.in(region, await place('Mutex'), options);
  await peer.call('invoke', 'acquire');
  using lock = RwLock.in(region, await place('RwLock'), options);
  await peer.call('invoke', 'exclusive.acquire');
  using semaphore = Semaphore.in(region, await place('Semaphore', { permits: 2 }), {
    ...options,
    permits: 2,
  });
  await peer.call('invoke', 'tryAcquire', 2);
  using once = Once.in(region, await place('Once'), options);
  await peer.call('runForEver');
  using lease = Lease.in(region, await place('Lease'), options);
  await peer.call('invoke', 'campaign');
  using event = Event.in(region, await place('Event'), options);
  await peer.call('invoke', 'set');
  using latch = Latch.in(region, await place('Latch', { count: 2 }), { ...options, count: 2 });
  await peer.call('invoke', 'countDown');
  using barrier = Barrier.in(region, await place('Barrier', { parties: 3 }), { ...options, parties: 3 });
  const conditionMutexAt = 64 + 9 * bytes;
  using conditionMutex = Mutex.in(region, conditionMutexAt, options);
  using condition = Condition.in(region, await place('Condition'), options);
  await peer.call('startToWait', conditionMutexAt, options);

  expect([mutex.created, semaphore.created, condition.created]).toEqual([false, false, false]);
  expect([mutex.tryAcquire(), lock.shared.tryAcquire(), semaphore.tryAcquire()]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([lease.leader?.pid, once.isDone, latch.left]).toEqual([peer.pid, false, 1]);
  const ran: string[] = [];
  const all = Promise.all([
    mutex.acquire(),
    lock.shared.acquire(),
    semaphore.acquire({ permits: 2 }),
    lease.campaign(),
    once.run(() => void ran.push('once')),
    condition.wait(conditionMutex, conditionMutex.acquireSync()),
    barrier.wait().catch((error: unknown) => error),
  ]);
  await end(peer);
  condition.notifyAll();
  const [held, reading, permit, leading, isDone, notified, broken] = await all;

  expect([held.abandoned, reading.abandoned, leading.abandoned, permit.permits]).toEqual([
    true,
    true,
    true,
    2,
  ]);
  expect([isDone, once.isDone, ran]).toEqual([true, true, ['once']]);
  expect([event.isSet, latch.left, notified.abandoned]).toEqual([true, 1, false]);
  expect(broken).toMatchObject({ code: 'ERR_IPC_PEER_GONE' });
  barrier.reset();
  latch.countDown();
  await latch.wait();
  notified.release();
});

test('events, latches and barriers wake other processes', async () => {
  const name = lockName();
  using region = openRegion(name);
  await using peer = await partyIn(name);
  using event = Event.in(region, 64, { ...options, reset: 'auto' });
  await peer.call('openIn', 'Event', 64, { ...options, reset: 'auto' });
  const passed = peer.call('invoke', 'wait');
  event.set();
  await passed;
  expect(event.isSet).toBe(false);

  using latch = Latch.in(region, 64 + bytes, { ...options, count: 1 });
  await peer.call('openIn', 'Latch', 64 + bytes, { ...options, count: 1 });
  const opened = peer.call('invoke', 'wait');
  latch.countDown();
  await opened;

  using barrier = Barrier.in(region, 64 + 2 * bytes, { ...options, parties: 2 });
  await peer.call('openIn', 'Barrier', 64 + 2 * bytes, { ...options, parties: 2 });
  for (let phase = 0; phase < 20; phase++) await Promise.all([peer.call('invoke', 'wait'), barrier.wait()]);
  expect(barrier.arrived).toBe(0);
});

test.each([
  ['Mutex', {}],
  ['Semaphore', { permits: 1 }],
] as const)(
  'two processes that both want a %s all the time are never inside together',
  async (kind, more) => {
    const name = lockName();
    const rounds = 5_000;
    using region = openRegion(name);
    await using a = await partyIn(name);
    await using b = await partyIn(name);
    for (const peer of [a, b]) await peer.call('openIn', kind, 64, { ...options, ...more });
    await Promise.all([a.call('increment', rounds), b.call('increment', rounds)]);
    expect(region.words[0]).toBe(2 * rounds);
  },
);
