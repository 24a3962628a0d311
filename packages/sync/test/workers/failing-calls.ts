/** What may fail of locks, and the work that has to bear it; see `failEachCall`. */
import { join } from 'node:path';
import { runtimeDirectory } from '@ipc/core';
import { Event, FileLock, Lease, Mutex, PosixSemaphore, RwLock, Semaphore } from '@ipc/sync';
import { failEachCall, namedMemoryFailures } from '@ipc/testkit/failing-calls';

const prefix = process.argv[2] ?? 'failing';

await failEachCall({
  prefix,
  failures: namedMemoryFailures,
  // What cannot be unlinked, or asked whether somebody has it, stays for the next one to find.
  mayStay: (call) => call === 'unlink' || call === 'fcntl',
  work: {
    async mutex(own) {
      const lock = own(Mutex.openOrCreate(`${prefix}-m`));
      lock.acquireSync().release();
      (await lock.acquire()).release();
      const held = lock.acquireSync();
      const next = lock.acquire();
      held.release();
      (await next).release();
    },
    async rwLock(own) {
      const lock = own(RwLock.openOrCreate(`${prefix}-rw`));
      const reader = lock.shared.acquireSync();
      const writer = lock.exclusive.acquire();
      reader.release();
      (await writer).release();
    },
    async semaphore(own) {
      const permits = own(Semaphore.openOrCreate(`${prefix}-s`, { permits: 1 }));
      const held = permits.acquireSync();
      const next = permits.acquire();
      held.release();
      (await next).release();
    },
    async event(own) {
      const event = own(Event.openOrCreate(`${prefix}-e`));
      const told = event.wait();
      event.set();
      await told;
    },
    async lease(own) {
      const lease = own(Lease.openOrCreate(`${prefix}-le`));
      (await lease.campaign()).release();
    },
    async posixSemaphore(own) {
      const semaphore = own(PosixSemaphore.openOrCreate(`${prefix}-p`, { permits: 1 }));
      await semaphore.acquire();
      semaphore.release();
    },
    async fileLock(own) {
      const file = own(new FileLock(join(runtimeDirectory(), `${prefix}-f`)));
      (await file.acquire()).release();
    },
  },
});
