/** Takes and gives every free lock, between two system calls that mark where. */
import { existsSync } from 'node:fs';
import { Lease, Mutex, RwLock, Semaphore, type Held, type Permit } from '@ipc/sync';

const name = process.argv[2] ?? '';
const rounds = 200;
const mutex = Mutex.openOrCreate(name);
const fairMutex = Mutex.openOrCreate(`${name}.other`, { fair: true });
const semaphore = Semaphore.openOrCreate(name, { permits: 2 });
const fairSemaphore = Semaphore.openOrCreate(`${name}.other`, { permits: 2, fair: true });
const lock = RwLock.openOrCreate(name);
const lease = Lease.openOrCreate(name);
const open = [mutex, fairMutex, semaphore, fairSemaphore, lock, lease];

async function use(): Promise<void> {
  for (const each of [mutex, fairMutex, semaphore, fairSemaphore, lock.shared, lock.exclusive]) {
    (await each.acquire()).release();
    each.acquireSync().release();
    each.tryAcquire()?.release();
  }
  (await lease.campaign()).release();
}

/** Microtasks until a free lock is acquired. */
async function microtasks(acquire: () => Promise<Held | Permit>): Promise<number> {
  let count = 0;
  let done = false;
  void acquire().then((held) => {
    held.release();
    done = true;
  });
  while (!(done as boolean)) {
    count++;
    await Promise.resolve();
  }
  return count;
}

await use();
existsSync('/begin');
for (let round = 0; round < rounds; round++) await use();
existsSync('/end');
const counts: number[] = [];
for (const each of [mutex, fairMutex, semaphore, fairSemaphore, lock.shared, lock.exclusive]) {
  counts.push(await microtasks(() => each.acquire()));
}
for (const each of open) each.close();
process.exitCode = counts.every((count) => count <= 1) ? 0 : 3;
