/** Open file description locks of fcntl(2), which lock ranges. */
import type { LockSubject } from '../subject.ts';
import { fileLockSubject } from './file-lock-subject.ts';

export const subject: LockSubject = fileLockSubject('sync.file-lock', { method: 'ofd' });
