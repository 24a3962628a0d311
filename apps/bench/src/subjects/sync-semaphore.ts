/** A semaphore of one permit, so that it can guard a counter like a mutex. Its floor remembers holders too: a robust mutex and a condition. */
import { Semaphore } from '@ipc/sync';
import { defineSubject, type LockSubject } from '../subject.ts';
import { LOCK_OFFSET, openLockRegion, removeLockRegion } from './lock-region.ts';

export const subject: LockSubject = defineSubject({
  kind: 'lock',
  id: 'sync.semaphore',
  scenarios: ['lock-uncontended', 'lock-contended', 'lock-crowded', 'hand-over'],
  floor: 'sync.semaphore',
  open(session) {
    const region = openLockRegion(session, Semaphore.bytes());
    const semaphore = Semaphore.in(region, LOCK_OFFSET, { permits: 1 });
    return Promise.resolve({
      counter: region.words,
      acquire: () => semaphore.acquireSync(),
      close() {
        semaphore.close();
        region.close();
        return Promise.resolve();
      },
    });
  },
  cleanUp: removeLockRegion,
});
