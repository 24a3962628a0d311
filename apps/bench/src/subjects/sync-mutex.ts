import { Mutex } from '@ipc/sync';
import { defineSubject, type LockSubject } from '../subject.ts';
import { LOCK_OFFSET, openLockRegion, removeLockRegion } from './lock-region.ts';

export const subject: LockSubject = defineSubject({
  kind: 'lock',
  id: 'sync.mutex',
  scenarios: ['lock-uncontended', 'lock-contended', 'lock-crowded', 'hand-over'],
  floor: 'sync.mutex',
  open(session) {
    const region = openLockRegion(session, Mutex.bytes());
    const mutex = Mutex.in(region, LOCK_OFFSET);
    return Promise.resolve({
      counter: region.words,
      acquire: () => mutex.acquireSync(),
      close() {
        mutex.close();
        region.close();
        return Promise.resolve();
      },
    });
  },
  cleanUp: removeLockRegion,
});
