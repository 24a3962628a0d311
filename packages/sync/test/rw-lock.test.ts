import { RwLock } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/any-party.js', import.meta.url);

noLockLeaks();

async function partyOf(name: string): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('open', 'RwLock', name, {});
  return peer;
}

test('many readers or one writer', () => {
  const name = lockName();
  using a = RwLock.openOrCreate(name);
  using b = RwLock.open(name);
  const first = a.shared.tryAcquire();
  const second = b.shared.acquireSync();
  const third = b.shared.tryAcquire();
  expect(a.exclusive.tryAcquire()).toBeUndefined();
  expect(a.exclusive.acquireSync({ timeoutMs: 5 })).toBeUndefined();
  first?.release();
  second.release();
  second.release();
  expect(a.exclusive.tryAcquire()).toBeUndefined();
  third?.release();
  const writer = a.exclusive.tryAcquire();
  expect(writer?.abandoned).toBe(false);
  expect(b.shared.tryAcquire()).toBeUndefined();
  expect(b.exclusive.tryAcquire()).toBeUndefined();
  expect(a.shared.tryAcquire()).toBeUndefined();
  writer?.release();
  b.shared.tryAcquire()?.release();
});

test('a writer that waits goes before readers that come later; one that gives up lets them in', async () => {
  const name = lockName();
  using a = RwLock.openOrCreate(name);
  using b = RwLock.open(name);
  using c = RwLock.open(name);
  const reader = a.shared.acquireSync();
  const abort = new AbortController();
  const givesUp = b.exclusive.acquire({ signal: abort.signal });
  expect(c.shared.tryAcquire()).toBeUndefined();
  const later = c.shared.acquire();
  abort.abort(new Error('enough'));
  await expect(givesUp).rejects.toThrow('enough');
  (await later).release();

  const writer = b.exclusive.acquire();
  const order: string[] = [];
  void writer.then((held) => {
    order.push('writer');
    held.release();
  });
  const after = c.shared.acquire().then((held) => {
    order.push('reader');
    held.release();
  });
  reader.release();
  await after;
  expect(order).toEqual(['writer', 'reader']);
});

test('the only reader can become a writer, and a writer a reader', () => {
  const name = lockName();
  using a = RwLock.openOrCreate(name);
  using b = RwLock.open(name);
  const reader = a.shared.acquireSync();
  const other = b.shared.acquireSync();
  expect(reader.tryUpgrade()).toBeUndefined();
  other.release();
  const writer = reader.tryUpgrade();
  expect([reader.isHeld, writer?.isHeld]).toEqual([false, true]);
  expect(b.shared.tryAcquire()).toBeUndefined();
  const again = writer?.downgrade();
  expect([writer?.isHeld, again?.isHeld]).toEqual([false, true]);
  const both = b.shared.tryAcquire();
  expect(both?.isHeld).toBe(true);
  expect(() => writer?.downgrade()).toThrow(TypeError);
  both?.release();
  again?.release();
  expect(b.exclusive.tryAcquire()?.isHeld).toBe(true);
});

test.each([false, true])(
  'of two readers that want to write neither does until the other lets go (fair: %s)',
  async (fair) => {
    const name = lockName();
    using a = RwLock.openOrCreate(name, { fair });
    using b = RwLock.open(name);
    using c = RwLock.open(name);
    const mine = a.shared.acquireSync();
    const theirs = b.shared.acquireSync();
    expect([mine.tryUpgrade(), theirs.tryUpgrade()]).toEqual([undefined, undefined]);
    expect([mine.isHeld, theirs.isHeld]).toEqual([true, true]);
    const inLine = c.exclusive.acquire();
    theirs.release();
    expect(() => theirs.tryUpgrade()).toThrow(TypeError);
    const second = a.shared.acquireSync();
    expect(mine.tryUpgrade()).toBeUndefined(); // it reads twice
    second.release();
    const writer = mine.tryUpgrade();
    expect([writer?.isHeld, b.shared.tryAcquire()]).toEqual([true, undefined]);
    writer?.release();
    (await inLine).release();
  },
);

test('a reader becomes a writer once the other one was killed', async () => {
  const name = lockName();
  using lock = RwLock.openOrCreate(name);
  await using peer = await partyOf(name);
  await peer.call('invoke', 'shared.acquire');
  const reader = lock.shared.acquireSync();
  expect(reader.tryUpgrade()).toBeUndefined();
  await peer.kill('SIGKILL');
  expect(reader.tryUpgrade()).toMatchObject({ abandoned: false, isHeld: true });
});

test('a killed reader lets the writer in, as if it had released', async () => {
  const name = lockName();
  using lock = RwLock.openOrCreate(name);
  await using peer = await partyOf(name);
  await peer.call('invoke', 'shared.acquire');
  const writer = lock.exclusive.acquire();
  await peer.kill('SIGKILL');
  const held = await writer;
  expect(held.abandoned).toBe(false);
  held.release();
});

test('after a killed writer everybody is told, until a writer has had the lock', async () => {
  const name = lockName();
  using lock = RwLock.openOrCreate(name);
  await using peer = await partyOf(name);
  await peer.call('invoke', 'exclusive.acquire');
  const reader = lock.shared.acquire();
  await peer.kill('SIGKILL');
  const told = await reader;
  expect(told.abandoned).toBe(true);
  told.release();
  const writer = lock.exclusive.acquireSync();
  expect(writer.abandoned).toBe(true);
  writer.release();
  expect(lock.shared.tryAcquire()?.abandoned).toBe(false);
});

test('a killed writer that waited no longer keeps readers out', async () => {
  const name = lockName();
  using a = RwLock.openOrCreate(name);
  using b = RwLock.open(name);
  const reader = a.shared.acquireSync();
  await using peer = await partyOf(name);
  const refused = peer.call('invoke', 'exclusive.acquire').catch(() => 'killed');
  for (let probe = b.shared.tryAcquire(); probe !== undefined; probe = b.shared.tryAcquire()) {
    probe.release();
    await new Promise(setImmediate);
  }
  const later = b.shared.acquire();
  await peer.kill('SIGKILL');
  expect((await later).abandoned).toBe(false);
  expect(await refused).toBe('killed');
  reader.release();
});

test('a writer that closes leaves the lock abandoned', () => {
  const name = lockName();
  using a = RwLock.openOrCreate(name);
  const b = RwLock.open(name);
  b.exclusive.acquireSync();
  b.close();
  const held = a.exclusive.tryAcquire();
  expect(held?.abandoned).toBe(true);
  held?.release();
  expect(() => b.shared.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
});

test('readers and writers of two processes never meet', async () => {
  const name = lockName();
  using lock = RwLock.openOrCreate(name);
  await using peer = await partyOf(name);
  for (let round = 0; round < 50; round++) {
    const there = peer.call('invoke', round % 2 === 0 ? 'exclusive.acquire' : 'shared.acquire');
    const here = lock.exclusive.acquire().then((held) => {
      held.release();
    });
    await there;
    expect(lock.exclusive.tryAcquire()).toBeUndefined();
    await peer.call('release');
    await here;
  }
});
