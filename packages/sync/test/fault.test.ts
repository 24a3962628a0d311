import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Region } from '@ipc/shm';
import { Mutex, Semaphore } from '@ipc/sync';
import { expect, test } from 'vitest';
import { lockName, noLockLeaks } from './names.ts';

const incrementer = fileURLToPath(new URL('../dist-test/workers/incrementer.js', import.meta.url));

noLockLeaks();

/**
 * Processes increment a counter under the lock and are killed at random, again and again. The counter is changed by plain
 * loads and stores, so it agrees with the journal only if no two were ever inside and every dead owner was repaired.
 * IPC_FAULT_KILLS=1000 makes it a long run.
 */
test.each(['sync', 'async'])(
  'the counter agrees with the journal, whoever is killed (%s)',
  { timeout: 3_600_000 },
  async (spelling) => {
    const name = lockName();
    const kills = Number(process.env.IPC_FAULT_KILLS ?? 6);
    using region = Region.create(name, { kind: 'counter', bytes: (16 + kills + 3) * 4 });
    const { words } = region;
    let next = 0;
    const start = async (): Promise<ChildProcess> => {
      const child = fork(incrementer, [name, String(next++), spelling], { execArgv: [] });
      await once(child, 'message');
      child.send('go');
      return child;
    };
    const kill = async (child: ChildProcess): Promise<void> => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    };
    /** Somebody has taken the lock since: nobody waits for the dead. */
    const progress = async (): Promise<void> => {
      const before = Atomics.load(words, 4);
      while (Atomics.load(words, 4) === before) await setTimeout(1);
    };

    const children = await Promise.all([start(), start(), start()]);
    for (let round = 0; round < kills; round++) {
      const victim = children[round % 3] as ChildProcess;
      await progress();
      await kill(victim);
      await progress();
      children[round % 3] = await start();
    }
    for (const child of children) await kill(child);

    using mutex = Mutex.openOrCreate(name);
    const held = mutex.acquireSync();
    let sum = 0;
    for (let at = 16; at < words.length; at++) sum += Atomics.load(words, at);
    expect(Atomics.load(words, 2), 'two inside').toBe(0);
    if (!held.abandoned) expect(Atomics.load(words, 0)).toBe(sum);
    else expect(sum - Atomics.load(words, 0)).toBeOneOf([0, 1]);
    held.release();
    Region.unlink(name, 'counter');
  },
);

/** Puts the name of a participant that is gone into the owner word, as if it had died holding it. */
function dieHolding(region: Region, open: () => Disposable): void {
  const dead = open();
  const identity = Atomics.load(region.words, 32);
  dead[Symbol.dispose]();
  Atomics.store(region.words, 16, identity);
}

test('a party that dies inside the guard of a compound lock keeps nobody out', async () => {
  using region = Region.anonymous({ kind: 'user', bytes: Semaphore.bytes(4) });
  const open = (): Semaphore => Semaphore.in(region, 0, { participants: 4, permits: 2 });
  dieHolding(region, open);
  using semaphore = open();
  expect(semaphore.tryAcquire(2)?.permits).toBe(2);
  using other = open();
  const waiting = other.acquire();
  expect(semaphore.available).toBe(0);
  semaphore.close();
  (await waiting).release();
});

test('a dead owner’s word is abandoned, with waiters marked or not, also to the one who gets its slot', () => {
  for (const marks of [0, 0x40000000]) {
    using region = Region.anonymous({ kind: 'user', bytes: Mutex.bytes(4) });
    const open = (): Mutex => Mutex.in(region, 0, { participants: 4 });
    dieHolding(region, open);
    Atomics.or(region.words, 16, marks);
    using mutex = open();
    const held = mutex.acquireSync();
    expect(held.abandoned).toBe(true);
    held.release();
    expect(mutex.tryAcquire()?.abandoned).toBe(false);
  }
});
