/** A readers–writer lock, taken for writing. Its floor remembers holders too: a robust mutex and a condition. */
import { RwLock } from '@ipc/sync';
import { defineSubject, type LockSubject } from '../subject.ts';
import { LOCK_OFFSET, openLockRegion, removeLockRegion } from './lock-region.ts';

export const subject: LockSubject = defineSubject({
  kind: 'lock',
  id: 'sync.rw-lock',
  inDepth: 'chosen',
  scenarios: ['lock-uncontended', 'lock-contended', 'lock-crowded', 'hand-over'],
  floor: 'sync.rw-lock',
  open(session) {
    const region = openLockRegion(session, RwLock.bytes());
    const lock = RwLock.in(region, LOCK_OFFSET);
    return Promise.resolve({
      counter: region.words,
      acquire: () => lock.exclusive.acquireSync(),
      close() {
        lock.close();
        region.close();
        return Promise.resolve();
      },
    });
  },
  cleanUp: removeLockRegion,
});
