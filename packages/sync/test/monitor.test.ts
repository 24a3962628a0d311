import { setImmediate } from 'node:timers/promises';
import { Region } from '@ipc/shm';
import { Monitor } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/monitor-party.js', import.meta.url);
const participants = 4;
const items = 1;
const room = 2;
noLockLeaks();

/** A named region with three words for the structure, and a monitor behind them. */
function memory(name: string): Region {
  return Region.create(name, {
    kind: 'user',
    bytes: 64 + Monitor.bytes(participants),
    lifetime: 'while-open',
  });
}

function join(region: Region, look: () => void = () => undefined): Monitor {
  return Monitor.in(region, 64, look, { participants });
}

/** With the promise of its first look. */
function joinAndLook(region: Region): { monitor: Monitor; looked: Promise<void> } {
  let look = (): void => undefined;
  const looked = new Promise<void>((resolve) => {
    look = resolve;
  });
  return { monitor: join(region, look), looked };
}

async function partyOf(name: string): Promise<{ peer: Peer; identity: number }> {
  const peer = await spawnPeer(party);
  return { peer, identity: (await peer.call('open', name)) as number };
}

function change(monitor: Monitor, wants: number, work: () => void = () => undefined): void {
  monitor.enter();
  monitor.ring(wants);
  work();
  monitor.leave();
}

function announce(monitor: Monitor, wants: number): void {
  monitor.enter();
  monitor.announce(wants);
  monitor.leave();
}

test('one inside at a time, in whatever process', async () => {
  const name = lockName();
  using region = memory(name);
  using monitor = join(region);
  const { peer, identity } = await partyOf(name);
  await using _peer = peer;
  const rounds = 100_000;
  const there = peer.call('count', rounds);
  while (Atomics.load(region.words, 0) === 0) await setImmediate(); // it has begun
  for (let round = 0; round < rounds; round++) {
    monitor.enter();
    region.words[0] = (region.words[0] ?? 0) + 1;
    monitor.leave();
  }
  await there;
  expect(region.words[0]).toBe(2 * rounds);
  expect(monitor.isAlive(identity)).toBe(true);
  expect(monitor.isAlive(monitor.identity)).toBe(true);
});

test('a ring wakes those who want what has changed, and nobody else', async () => {
  const name = lockName();
  using region = memory(name);
  using monitor = join(region);
  const { peer: taker } = await partyOf(name);
  const { peer: giver } = await partyOf(name);
  await using _taker = taker;
  await using _giver = giver;
  await taker.call('sleep', items, []);
  await giver.call('sleep', room, []);
  change(monitor, room);
  expect(await giver.call('looked')).toBe(1);
  change(monitor, room); // nobody wants it any more
  expect([await taker.call('looks'), await giver.call('looks')]).toEqual([0, 1]);
  change(monitor, items | room);
  expect(await taker.call('looked')).toBe(1);
  expect(await giver.call('looks')).toBe(1);
});

test('who takes its announcement back sleeps no more', async () => {
  const name = lockName();
  using region = memory(name);
  using monitor = join(region);
  const { peer } = await partyOf(name);
  await using _peer = peer;
  await peer.call('sleep', items, []);
  await peer.call('withdraw');
  change(monitor, items);
  expect(await peer.call('looks')).toBe(0);
  await peer.call('sleep', items, []);
  change(monitor, items);
  expect(await peer.call('looked')).toBe(1);
});

test('two monitors of one thread wake each other', async () => {
  using region = Region.anonymous({ kind: 'user', bytes: 64 + Monitor.bytes(participants) });
  using giver = join(region);
  const { monitor, looked } = joinAndLook(region);
  using taker = monitor;
  expect([giver.index, taker.index]).toEqual([0, 1]);
  announce(taker, items);
  taker.sleep([giver.identity]);
  change(giver, items);
  await looked;
});

test('one who blocks comes back for what it wants', async () => {
  const name = lockName();
  using region = memory(name);
  using monitor = join(region);
  const { peer } = await partyOf(name);
  await using _peer = peer;
  const blocked = peer.call('block', items, [monitor.identity]);
  while (Atomics.load(region.words, 2) === 0) await setImmediate();
  change(monitor, items, () => {
    region.words[0] = 1;
  });
  expect(await blocked).toBe(false);
});

test('a blocking wait ends when its time is over, and nothing is left announced', () => {
  using region = Region.anonymous({ kind: 'user', bytes: 64 + Monitor.bytes(participants) });
  using monitor = join(region);
  announce(monitor, items);
  monitor.block([], 5);
  monitor.withdraw();
  announce(monitor, items);
  monitor.block([], 0);
  monitor.withdraw();
});

test('the death of one who is watched wakes those who sleep, and those who block', async () => {
  const name = lockName();
  using region = memory(name);
  const { monitor, looked } = joinAndLook(region);
  using _monitor = monitor;
  const { peer: holder, identity } = await partyOf(name);
  const { peer: blocker } = await partyOf(name);
  await using _holder = holder;
  await using _blocker = blocker;
  const blocked = blocker.call('block', items, [identity]);
  while (Atomics.load(region.words, 2) === 0) await setImmediate();
  announce(monitor, items);
  monitor.sleep([identity]);
  await holder.kill('SIGKILL');
  await looked;
  expect(monitor.isAlive(identity)).toBe(false);
  expect(await blocked).toBe(true);
});

test('who watches one that is gone already looks again soon', async () => {
  const name = lockName();
  using region = memory(name);
  const { monitor, looked } = joinAndLook(region);
  using _monitor = monitor;
  const { peer, identity } = await partyOf(name);
  await using _peer = peer;
  await peer.kill('SIGKILL');
  announce(monitor, items);
  monitor.sleep([identity]);
  await looked;
});

test('a party that dies inside is followed by one that finds the change half done', async () => {
  const name = lockName();
  using region = memory(name);
  using monitor = join(region);
  const { peer, identity } = await partyOf(name);
  await using _peer = peer;
  const killed = peer.call('dieInside').catch(() => 'killed');
  while (Atomics.load(region.words, 1) === 0) await setImmediate();
  monitor.enter();
  expect([region.words[1], monitor.isAlive(identity)]).toEqual([1, false]);
  region.words[1] = 0;
  monitor.leave();
  expect(await killed).toBe('killed');
});

test('a place that is free again is a new identity; a full table names the limit', () => {
  using region = Region.anonymous({ kind: 'user', bytes: 64 + Monitor.bytes(1) });
  const open = (): Monitor => Monitor.in(region, 64, () => undefined, { participants: 1 });
  const first = open();
  expect(open).toThrow(expect.objectContaining({ code: 'ERR_IPC_LIMIT' }));
  first.close();
  first.close();
  const second = open();
  expect([first.index, second.index, second.identity === first.identity]).toEqual([0, 0, false]);
  expect([second.isAlive(first.identity), second.isAlive(second.identity)]).toEqual([false, true]);
  second.close();
  expect(() => Monitor.in(region, 32, () => undefined)).toThrow(RangeError);
});

test('closing ends the sleep', () => {
  using region = Region.anonymous({ kind: 'user', bytes: 64 + Monitor.bytes(participants) });
  using other = join(region);
  const looks: string[] = [];
  const monitor = join(region, () => looks.push('look'));
  announce(monitor, items);
  monitor.sleep([]);
  monitor.close();
  change(other, items);
  monitor.look();
  expect(looks).toEqual([]);
});
