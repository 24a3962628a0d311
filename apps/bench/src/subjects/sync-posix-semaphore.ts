/** The system's own semaphore, which has no owner: everybody is stuck when a holder dies. */
import { PosixSemaphore } from '@ipc/sync';
import { defineSubject, type LockSubject } from '../subject.ts';
import { openLockRegion, removeLockRegion } from './lock-region.ts';

export const subject: LockSubject = defineSubject({
  kind: 'lock',
  id: 'sync.posix-semaphore',
  inDepth: 'chosen',
  scenarios: ['lock-uncontended', 'lock-contended', 'lock-crowded'],
  floor: 'sync.posix-semaphore',
  open(session) {
    const region = openLockRegion(session, 0);
    const semaphore = PosixSemaphore.openOrCreate(session.name);
    return Promise.resolve({
      counter: region.words,
      acquire() {
        semaphore.acquireSync();
        return semaphore;
      },
      close() {
        semaphore.close();
        PosixSemaphore.unlink(session.name);
        region.close();
        return Promise.resolve();
      },
    });
  },
  cleanUp(session) {
    PosixSemaphore.unlink(session.name);
    removeLockRegion(session);
  },
});
