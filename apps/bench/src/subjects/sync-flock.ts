/** flock(2): what `fs-ext` offers, which has to be compiled where it is installed. */
import type { LockSubject } from '../subject.ts';
import { fileLockSubject } from './file-lock-subject.ts';

export const subject: LockSubject = fileLockSubject('sync.flock', { method: 'flock' });
