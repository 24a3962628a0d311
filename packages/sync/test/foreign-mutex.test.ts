import { join } from 'node:path';
import { Region } from '@ipc/shm';
import { Mutex } from '@ipc/sync';
import { foreign, spawnPeer } from '@ipc/testkit';
import { describe, expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const peers = join(import.meta.dirname, 'peers');
const party = new URL('../dist-test/workers/party.js', import.meta.url);

noLockLeaks();

describe.each(['c', 'python'] as const)('a peer in %s, written from lock.md', (language) => {
  const start = foreign(peers, 'mutex', language);
  const open = async (name: string): Promise<ReturnType<NonNullable<typeof start>>> => {
    if (start === undefined) throw new Error('unreachable: skipped');
    const peer = start(name);
    expect(await peer.line()).toBe('ready');
    return peer;
  };

  test('excludes and is excluded, waits and is waited for', async (context) => {
    context.skip(start === undefined, `there is nothing to run ${language} with`);
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    await using peer = await open(name);
    const ask = (command: string): Promise<string> => {
      peer.say(command);
      return peer.line();
    };
    const held = mutex.acquireSync();
    expect(await ask('try')).toBe('busy');
    const theirs = ask('acquire');
    while (mutex.waiters.length === 0) await new Promise(setImmediate);
    expect(mutex.waiters).toMatchObject([{ pid: peer.pid, label: language === 'c' ? 'in C' : 'in Python' }]);
    held.release();
    expect(await theirs).toBe('taken');
    expect(mutex.tryAcquire()).toBeUndefined();
    expect(mutex.owner).toMatchObject({ pid: peer.pid, alive: true });
    for (const acquire of [() => mutex.acquire(), () => Promise.resolve(mutex.acquireSync())]) {
      expect(mutex.acquireSync({ timeoutMs: 5 })).toBeUndefined();
      peer.say('release');
      const mine = await acquire();
      expect([mine.abandoned, await peer.line()]).toEqual([false, 'released']);
      mine.release();
      expect(await ask('acquire')).toBe('taken');
    }
    const next = mutex.acquire();
    await peer.kill();
    expect((await next).abandoned).toBe(true);
  });

  test('hears of our death, at once', async (context) => {
    context.skip(start === undefined, `there is nothing to run ${language} with`);
    const name = lockName();
    using mutex = Mutex.openOrCreate(name);
    await using peer = await open(name);
    await using victim = await spawnPeer(party);
    await victim.call('openMutex', name);
    await victim.call('acquire');
    peer.say('acquire');
    while (mutex.waiters.length === 0) await new Promise(setImmediate);
    await victim.kill('SIGKILL');
    expect(await peer.line()).toBe('abandoned');
  });

  test('counts with us', async (context) => {
    context.skip(start === undefined, `there is nothing to run ${language} with`);
    const name = lockName();
    const times = 2000;
    using mutex = Mutex.openOrCreate(name);
    using region = Region.create(name, { kind: 'counter', bytes: 4096 });
    await using peer = await open(name);
    peer.say(`count ${name} ${times}`);
    for (let time = 0; time < times; time++) {
      const held = time % 2 === 0 ? mutex.acquireSync() : await mutex.acquire();
      region.words[0] = (region.words[0] ?? 0) + 1;
      held.release();
    }
    expect(await peer.line()).toBe('counted');
    expect(region.words[0]).toBe(2 * times);
    Region.unlink(name, 'counter');
  });
});
