/** Locks that the kernel keeps for a file: what needs no shared memory, and works with any program. */
import { FileLock, type FileLockOptions } from '@ipc/sync';
import { join } from 'node:path';
import { defineSubject, type LockSubject } from '../subject.ts';
import { openLockRegion, removeLockRegion } from './lock-region.ts';

export function fileLockSubject(id: string, options: FileLockOptions): LockSubject {
  return defineSubject({
    kind: 'lock',
    id,
    inDepth: 'chosen',
    scenarios: ['lock-uncontended'],
    open(session) {
      const region = openLockRegion(session, 0);
      const lock = new FileLock(join(session.directory, 'lock'), options);
      return Promise.resolve({
        counter: region.words,
        acquire() {
          const held = lock.acquireSync();
          if (held === undefined) throw new Error('a lock without a time limit gave up');
          return held;
        },
        close() {
          lock.close();
          region.close();
          return Promise.resolve();
        },
      });
    },
    cleanUp: removeLockRegion,
  });
}
