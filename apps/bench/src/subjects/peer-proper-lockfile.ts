/** `proper-lockfile`: a directory that only one can make, which is what programs without shared memory take. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockSync } from 'proper-lockfile';
import { defineSubject, type LockSubject } from '../subject.ts';
import { openLockRegion, removeLockRegion } from './lock-region.ts';

export const subject: LockSubject = defineSubject({
  kind: 'lock',
  id: 'peer.proper-lockfile',
  scenarios: ['lock-uncontended'],
  open(session) {
    const region = openLockRegion(session, 0);
    const file = join(session.directory, 'guarded');
    writeFileSync(file, '');
    return Promise.resolve({
      counter: region.words,
      acquire: () => ({ release: lockSync(file) }),
      close() {
        region.close();
        return Promise.resolve();
      },
    });
  },
  cleanUp: removeLockRegion,
});
