import { Region } from '@ipc/shm';
import { RwLock } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { describe, expect, test, vi } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

/** Where the first word of a lock's own state lies, in words. */
const STATE = 18;
/** What the second participant has: 32 words, 16 for each slot, the ninth of its own. */
const SECOND_HELD = 32 + 16 + 8;
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

test('who looks while another takes over the place of a killed writer is told of that writer', async () => {
  const name = lockName();
  using lock = RwLock.openOrCreate(name);
  await using peer = await partyOf(name);
  await peer.call('invoke', 'exclusive.acquire');
  await peer.kill('SIGKILL');
  const { load } = Atomics;
  const look = vi.spyOn(Atomics, 'load').mockImplementation(((words: Int32Array, index: number) => {
    const value = load(words, index);
    if (index !== STATE) return value;
    // Right after the look at who died writing, somebody has joined in the second slot: it has said so, and cleared the slot.
    look.mockRestore();
    Atomics.store(words, STATE, 1);
    Atomics.store(words, SECOND_HELD, 0);
    return value;
  }) as typeof load);
  const held = lock.exclusive.acquireSync();
  expect(look.getMockImplementation()).toBeUndefined(); // it came to that
  expect(held.abandoned).toBe(true);
  held.release();
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

describe('after a killed writer', () => {
  /** A lock whose writer was killed, and repairs that fail as often as asked. */
  async function abandonedLock(
    failures: number,
    fair: boolean,
  ): Promise<{ name: string; repairs: () => number; lock: RwLock }> {
    const name = lockName();
    let repairs = 0;
    const lock = RwLock.openOrCreate(name, {
      fair,
      repair() {
        if (repairs++ < failures) throw new Error(`repair ${repairs}`);
      },
    });
    await using peer = await spawnPeer(party);
    await peer.call('open', 'RwLock', name, { fair });
    await peer.call('invoke', 'exclusive.acquire');
    await peer.kill('SIGKILL');
    return { name, repairs: () => repairs, lock };
  }

  test.each([false, true])(
    'nobody reads or writes before a repair has succeeded (fair: %s)',
    async (fair) => {
      const { name, repairs, lock } = await abandonedLock(4, fair);
      using _lock = lock;
      using bare = RwLock.open(name);
      expect(() => lock.shared.tryAcquire()).toThrow('repair 1');
      expect(() => lock.exclusive.acquireSync()).toThrow('repair 2');
      await expect(lock.shared.acquire()).rejects.toThrow('repair 3');
      // Behind one who reads what is abandoned, and was not asked to repair it.
      const unrepaired = bare.shared.acquireSync();
      const waiting = lock.shared.acquire();
      expect(lock.shared.tryAcquire()).toBeUndefined();
      expect(repairs()).toBe(3);
      unrepaired.release();
      await expect(waiting).rejects.toThrow('repair 4');

      const reader = await lock.shared.acquire();
      expect(repairs()).toBe(5);
      expect(reader.abandoned).toBe(true);
      const other = bare.shared.tryAcquire();
      expect(other?.abandoned).toBe(false);
      expect(bare.exclusive.tryAcquire()).toBeUndefined();
      other?.release();
      reader.release();
      expect(bare.exclusive.tryAcquire()?.abandoned).toBe(false);
    },
  );

  test('who repairs is alone, and those who waited meanwhile get in afterwards', async () => {
    const { name, lock: first } = await abandonedLock(0, false);
    first.close(); // the last one; the name stays, as the next has to be told
    using bare = RwLock.open(name);
    let met: unknown;
    let waiting: Promise<{ abandoned: boolean; release(): void }> | undefined;
    using lock = RwLock.open(name, {
      repair() {
        met = bare.shared.tryAcquire() ?? bare.exclusive.tryAcquire();
        waiting = bare.shared.acquire();
      },
    });
    const reader = lock.shared.acquireSync();
    expect(met).toBeUndefined();
    const beside = await waiting;
    expect(beside?.abandoned).toBe(false);
    beside?.release();
    reader.release();
  });

  test('one that is killed in its repair has not repaired', async () => {
    const { name, repairs, lock } = await abandonedLock(0, false);
    using _lock = lock;
    const dies = RwLock.open(name, {
      repair() {
        dies.close(); // as a death would: in the middle
      },
    });
    expect(() => dies.shared.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CLOSED' }));
    expect(lock.shared.tryAcquire()?.abandoned).toBe(true);
    expect(repairs()).toBe(1);
  });
});

test.each([false, true])('a lock that its writer gives up says so to everybody, fair: %s', async (fair) => {
  const name = lockName();
  using a = RwLock.openOrCreate(name, { fair });
  using b = RwLock.open(name);
  using c = RwLock.open(name);
  const held = a.exclusive.acquireSync();
  const waiting = [b.shared.acquire(), b.exclusive.acquire(), c.shared.acquire()];
  a.markUnrecoverable(held);
  const givenUp = { code: 'ERR_IPC_CORRUPT' };
  for (const one of waiting) await expect(one).rejects.toMatchObject(givenUp);
  expect(() => a.shared.tryAcquire()).toThrow(expect.objectContaining(givenUp));
  expect(() => a.exclusive.acquireSync({ timeoutMs: 0 })).toThrow(expect.objectContaining(givenUp));
  expect(() => {
    a.markUnrecoverable(held);
  }).toThrow(TypeError);
});

test('only its own writer gives a lock up', () => {
  using a = RwLock.openOrCreate(lockName());
  using b = RwLock.openOrCreate(`${lockName()}.other`);
  const [held, other] = [a.exclusive.acquireSync(), b.exclusive.acquireSync()];
  expect(() => {
    a.markUnrecoverable(other);
  }).toThrow(TypeError);
  held.release();
  expect(a.exclusive.tryAcquire()?.abandoned).toBe(false);
});

test('a lock stays given up although its writer died while it said so', async () => {
  const name = lockName();
  using region = Region.create(name, { kind: 'user', bytes: RwLock.bytes(2), lifetime: 'while-open' });
  using lock = RwLock.in(region, 0, { participants: 2 });
  await using peer = await spawnPeer(party);
  await peer.call('openRegion', name);
  await peer.call('openIn', 'RwLock', 0, { participants: 2 });
  await peer.call('invoke', 'exclusive.acquire');
  Atomics.store(region.words, STATE, 2); // as far as it came
  await peer.kill('SIGKILL');
  expect(() => lock.shared.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
  using successor = RwLock.in(region, 0, { participants: 2 }); // clears the slot of the dead
  expect(() => successor.shared.tryAcquire()).toThrow(expect.objectContaining({ code: 'ERR_IPC_CORRUPT' }));
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
