import { Barrier, Event, Latch } from '@ipc/sync';
import { spawnPeer, type Peer } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const party = new URL('../dist-test/workers/any-party.js', import.meta.url);

noLockLeaks();

async function partyOf(kind: string, name: string, options: object): Promise<Peer> {
  const peer = await spawnPeer(party);
  await peer.call('open', kind, name, options);
  return peer;
}

describe('Event', () => {
  test('manual: lets everybody through until it is reset', async () => {
    const name = lockName();
    using a = Event.openOrCreate(name);
    using b = Event.open(name);
    expect([a.tryWait(), a.waitSync({ timeoutMs: 5 })]).toEqual([false, false]);
    const waiting = [a.wait(), b.wait(), b.wait()];
    b.set();
    await Promise.all(waiting);
    expect([a.isSet, a.tryWait(), b.waitSync()]).toEqual([true, true, true]);
    a.reset();
    expect(b.tryWait()).toBe(false);
  });

  test('auto: lets one through for each set, in whatever process', async () => {
    const name = lockName();
    using event = Event.openOrCreate(name, { reset: 'auto' });
    await using peer = await partyOf('Event', name, { reset: 'auto' });
    let through = 0;
    const count = (): void => {
      through++;
    };
    const all = [event.wait().then(count), event.wait().then(count), peer.call('invoke', 'wait').then(count)];
    for (let set = 1; set <= 3; set++) {
      event.set();
      while (through < set) await new Promise(setImmediate);
      expect(event.isSet).toBe(false);
    }
    await Promise.all(all);
    expect(() => Event.openOrCreate(name)).toThrow(expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }));
  });

  test('a waiter that is killed uses nothing up, one that aborts neither', async () => {
    const name = lockName();
    using event = Event.openOrCreate(name, { reset: 'auto' });
    await using peer = await partyOf('Event', name, { reset: 'auto' });
    await peer.call('start', 'wait');
    await peer.kill('SIGKILL');
    const abort = new AbortController();
    const aborted = event.wait({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    event.set();
    expect(event.waitSync()).toBe(true);
  });
});

describe('Latch', () => {
  test('opens for good when it is counted down, by whomever', async () => {
    const name = lockName();
    using latch = Latch.openOrCreate(name, { count: 3 });
    await using peer = await partyOf('Latch', name, { count: 3 });
    const waiting = Promise.all([latch.wait(), peer.call('invoke', 'wait')]);
    expect(await peer.call('invoke', 'countDown', 2)).toBe(1);
    expect(latch.waitSync({ timeoutMs: 5 })).toBe(false);
    expect(latch.countDown()).toBe(0);
    await waiting;
    expect(latch.countDown()).toBe(0);
    expect(latch.waitSync()).toBe(true);
    expect(() => latch.countDown(0)).toThrow(RangeError);
    expect(() => Latch.openOrCreate(name, { count: 4 })).toThrow(
      expect.objectContaining({ code: 'ERR_IPC_MISMATCH' }),
    );
    Latch.unlink(name);
  });
});

describe('Barrier', () => {
  test('lets all through together, again and again', async () => {
    const name = lockName();
    using barrier = Barrier.openOrCreate(name, { parties: 3 });
    await using peer = await partyOf('Barrier', name, { parties: 3 });
    for (let round = 0; round < 3; round++) {
      let through = 0;
      const count = (): void => {
        through++;
      };
      const all = [barrier.wait().then(count), barrier.wait().then(count)];
      await new Promise(setImmediate);
      expect([through, barrier.arrived]).toEqual([0, 2]);
      await Promise.all([...all, peer.call('invoke', 'wait')]);
      expect([through, barrier.arrived]).toEqual([2, 0]);
    }
  });

  test('an abort or a time-out takes the arrival back', async () => {
    const name = lockName();
    using barrier = Barrier.openOrCreate(name, { parties: 2 });
    expect(barrier.waitSync({ timeoutMs: 5 })).toBe(false);
    const abort = new AbortController();
    const aborted = barrier.wait({ signal: abort.signal });
    expect(barrier.arrived).toBe(1);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(barrier.arrived).toBe(0);
    await Promise.all([barrier.wait(), barrier.wait()]);
  });

  test('a killed party breaks it for all, until it is mended', async () => {
    const name = lockName();
    using barrier = Barrier.openOrCreate(name, { parties: 3 });
    await using peer = await partyOf('Barrier', name, { parties: 3 });
    await using other = await partyOf('Barrier', name, { parties: 3 });
    const gone = { code: 'ERR_IPC_PEER_GONE' };
    const waiting = [
      expect(barrier.wait()).rejects.toMatchObject(gone),
      expect(other.call('invoke', 'wait')).rejects.toMatchObject(gone),
    ];
    await peer.kill('SIGKILL');
    await Promise.all(waiting);
    expect(barrier.isBroken).toBe(true);
    await expect(barrier.wait()).rejects.toMatchObject(gone);
    expect(() => barrier.waitSync()).toThrow(expect.objectContaining(gone));
    barrier.reset();
    await Promise.all([barrier.wait(), barrier.wait(), other.call('invoke', 'wait')]);
  });
});
