import { PosixQueue } from '@ipc/mq';
import type { MessageSubject } from '../subject.ts';
import { queueSubject } from './queue-subject.ts';

/** One system call for each message, as `mq.shared` is to be compared with. */
export const subject: MessageSubject<Uint8Array> = queueSubject({
  id: 'mq.posix-queue',
  floor: 'mq.posix',
  openOrCreate: (name) => PosixQueue.openOrCreate(name),
  unlink: (name) => PosixQueue.unlink(name),
});
