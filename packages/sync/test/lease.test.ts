import { Region } from '@ipc/shm';
import { Lease } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/any-party.js', import.meta.url);
noLockLeaks();

async function candidate(name: string, label: string): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('open', 'Lease', name, { label });
  return peer;
}

async function next<Value>(changes: AsyncGenerator<Value>): Promise<Value> {
  return (await changes.next()).value as Value;
}

test('one leads, and its followers hear at once who does when it is killed', async () => {
  const name = lockName();
  using lease = Lease.openOrCreate(name, { label: 'follower' });
  await using a = await candidate(name, 'a');
  await using b = await candidate(name, 'b');
  const changes = lease.changes();
  const changesToo = lease.changes();
  expect(await next(changes)).toBeUndefined();
  await a.call('invoke', 'campaign');
  expect(await next(changes)).toMatchObject({ pid: a.pid, label: 'a' });
  expect(await next(changesToo)).toMatchObject({ label: 'a' });
  expect(lease.leader).toMatchObject({ pid: a.pid, label: 'a' });
  expect([lease.isLeader, lease.tryCampaign()]).toEqual([false, undefined]);

  await b.call('start', 'campaign');
  const told = [changes, changesToo].map(async (each) => (await next(each)) ?? next(each)); // maybe of the interregnum first
  await a.kill('SIGKILL');
  const successor = { pid: b.pid, label: 'b' };
  expect(await Promise.all(told)).toEqual([
    expect.objectContaining(successor),
    expect.objectContaining(successor),
  ]);
});

test('a leader that resigns, and one that has no follower to succeed it', async () => {
  const name = lockName();
  using lease = Lease.openOrCreate(name);
  await using a = await candidate(name, 'a');
  const changes = lease.changes();
  expect(await next(changes)).toBeUndefined();
  const mine = await lease.campaign();
  expect(lease.isLeader).toBe(true);
  expect(await next(changes)).toMatchObject({ pid: process.pid });
  const theirs = a.call('invoke', 'campaign');
  mine.release();
  expect(await theirs).toEqual({ abandoned: false });
  while ((await next(changes))?.label !== 'a');
  const end = next(changes);
  await a.kill('SIGKILL');
  expect(await end).toBeUndefined();
  expect(lease.leader).toBeUndefined();
  expect(lease.tryCampaign()?.abandoned).toBe(true);
});

test('an abort, and a close, end campaigns and iterations', async () => {
  using region = Region.anonymous({ kind: 'user', bytes: Lease.bytes(4) });
  using lease = Lease.in(region, 0, { participants: 4 });
  const other = Lease.in(region, 0, { participants: 4 });
  using held = await lease.campaign();
  expect(held.isHeld).toBe(true);
  const abort = new AbortController();
  const campaign = other.campaign({ signal: abort.signal });
  const changes = other.changes({ signal: abort.signal });
  await next(changes);
  const change = next(changes);
  abort.abort(new Error('enough'));
  await expect(campaign).rejects.toThrow('enough');
  await expect(change).rejects.toThrow('enough');
  const again = other.changes();
  await next(again);
  const pending = next(again);
  other.close();
  other.close();
  await expect(pending).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
  await expect(next(other.changes())).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
  await expect(other.campaign()).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
});
