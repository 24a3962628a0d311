import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { RwLock, Semaphore } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';
import { waitersAre } from './waiters-are.ts';

const party = new URL('../dist-test/workers/any-party.js', import.meta.url);
noLockLeaks();

async function partyOf(kind: 'Semaphore' | 'RwLock', name: string, options: object): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('open', kind, name, { fair: true, ...options });
  return peer;
}

/** Notes who comes when. */
function diary(): { order: string[]; note: (label: string) => <Result>(result: Result) => Result } {
  const order: string[] = [];
  return {
    order,
    note: (label) => (result) => {
      order.push(label);
      return result;
    },
  };
}

describe('a fair semaphore', () => {
  const open = (name: string): Semaphore => Semaphore.openOrCreate(name, { permits: 2, fair: true });

  test('who wants many is not passed by those who want few, in whatever process', async () => {
    const name = lockName();
    using a = open(name);
    using b = open(name);
    using c = open(name);
    await using peer = await partyOf('Semaphore', name, { permits: 2 });
    const { order, note } = diary();
    const first = a.acquireSync();
    const many = b.acquire({ permits: 2 }).then(note('many'));
    const few = c.acquire().then(note('few'));
    await waitersAre(a, 2);
    const fewElsewhere = peer.call('invoke', 'acquire').then(note('few elsewhere'));
    await waitersAre(a, 3);
    const last = a.acquire({ permits: 2 }).then(note('last'));
    expect([a, b, c].map((each) => each.tryAcquire())).toEqual([undefined, undefined, undefined]);
    expect(a.available).toBe(1);

    first.release();
    (await many).release();
    const second = await few;
    await fewElsewhere; // both fit, so both have come
    expect(a.available).toBe(0);
    second.release();
    await peer.call('release');
    (await last).release();
    expect(order.slice(0, 1)).toEqual(['many']);
    expect(order.slice(1, 3).sort()).toEqual(['few', 'few elsewhere']);
    expect(a.available).toBe(2);
  });

  test('an abort, a time-out, a close and a death leave the line', async () => {
    const name = lockName();
    using a = open(name);
    using b = open(name);
    using c = open(name);
    const d = open(name);
    await using peer = await partyOf('Semaphore', name, { permits: 2 });
    const held = a.acquireSync({ permits: 2 });
    const abort = new AbortController();
    const aborted = b.acquire({ permits: 2, signal: abort.signal });
    const closed = d.acquire({ permits: 2 });
    void peer.call('invoke', 'acquire').catch(() => undefined);
    await waitersAre(a, 3);
    const next = c.acquire();
    expect(c.acquireSync({ timeoutMs: 5 })).toBeUndefined();

    // Not while it looks, inside the guard, a last time before it sleeps; and the second turn is after the looks it was rung for.
    for (let turn = 0; turn < 2; turn++) await peer.call('turn');
    peer.stop();
    while (!readFileSync(`/proc/${peer.pid}/stat`, 'utf8').includes(' T ')) await setImmediate();
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    d.close();
    await expect(closed).rejects.toMatchObject({ code: 'ERR_IPC_CLOSED' });
    held.release();
    expect([a.tryAcquire(), c.tryAcquire()]).toEqual([undefined, undefined]); // nobody passes a stopped one
    process.kill(peer.pid, 'SIGKILL'); // `peer.kill` lets it go on first
    (await next).release();
    expect(a.tryAcquire(2)?.permits).toBe(2);
  });

  test('everybody has to agree', () => {
    const name = lockName();
    using semaphore = open(name);
    const mismatch: unknown = expect.objectContaining({ code: 'ERR_IPC_MISMATCH' });
    expect(() => Semaphore.openOrCreate(name, { permits: 2 })).toThrow(mismatch);
    using opened = Semaphore.open(name);
    const held = semaphore.acquireSync({ permits: 2 });
    void opened.acquire().catch(() => undefined);
    held.release();
    expect(semaphore.tryAcquire()).toBeUndefined(); // it stands in line, as the semaphore was made
  });

  test('with stay: signals go to who came first', async () => {
    const name = lockName();
    using a = Semaphore.openOrCreate(name, { permits: 0, fair: true, onDeath: 'stay' });
    using b = Semaphore.open(name);
    using c = Semaphore.open(name);
    const { order, note } = diary();
    const all = [b.acquire({ permits: 2 }).then(note('two')), c.acquire().then(note('one'))];
    a.release();
    await setImmediate();
    a.release(2);
    await Promise.all(all);
    expect(order).toEqual(['two', 'one']);
  });
});

describe('a fair reader-writer lock', () => {
  const open = (name: string): RwLock => RwLock.openOrCreate(name, { fair: true });

  test('readers and writers go in the order they came; readers side by side read together', async () => {
    const name = lockName();
    using a = open(name);
    using b = open(name);
    using c = open(name);
    using d = open(name);
    await using peer = await partyOf('RwLock', name, {});
    const { order, note } = diary();
    const reader = a.shared.acquireSync();
    const writer = b.exclusive.acquire().then(note('writer'));
    const second = c.shared.acquire().then(note('reader'));
    await waitersAre(a, 2);
    const elsewhere = peer.call('invoke', 'shared.acquire').then(note('reader elsewhere'));
    await waitersAre(a, 3);
    const last = d.exclusive.acquire().then(note('last'));
    const again = a.shared.tryAcquire();
    expect(again?.isHeld).toBe(true); // it reads already
    expect(d.shared.tryAcquire()).toBeUndefined();
    again?.release();

    reader.release();
    const written = await writer;
    expect(order).toEqual(['writer']);
    written.release();
    const read = await second;
    await elsewhere; // together
    expect(order).toHaveLength(3);
    read.release();
    await peer.call('release');
    (await last).release();
    expect(order.at(-1)).toBe('last');
    expect(a.exclusive.tryAcquire()?.isHeld).toBe(true);
  });

  test('a writer in line that is killed is skipped, and a dead one is told of', async () => {
    const name = lockName();
    using a = open(name);
    using b = open(name);
    await using peer = await partyOf('RwLock', name, {});
    const reader = a.shared.acquireSync();
    void peer.call('invoke', 'exclusive.acquireSync').catch(() => undefined);
    await waitersAre(a, 1);
    const next = b.shared.acquire();
    await peer.kill('SIGKILL');
    expect((await next).abandoned).toBe(false);
    expect(reader.isHeld).toBe(true);
  });
});

test('a thread may block for reading while its own writer waits', async () => {
  const name = lockName();
  using a = RwLock.openOrCreate(name);
  using b = RwLock.openOrCreate(name);
  const reader = b.shared.acquireSync();
  const writer = a.exclusive.acquire();
  const mine = a.shared.acquireSync();
  reader.release();
  mine.release();
  (await writer).release();
});
